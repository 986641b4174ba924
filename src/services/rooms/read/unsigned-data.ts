import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { findBundles, type Bundle, type Bundles } from './bundle-relations.ts'
import { findReplacedState, type ReplacedState } from './replaced-state.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { visibleEvents, type Reader } from './visibility.ts'

/** Other events that go into the `unsigned` of some events: all of them visible to the reader. */
export type UnsignedData = {
  /** By the id of what they redacted. */
  redactions: ReadonlyMap<EventId, StoredEvent>
  /** By the id of what replaced them; the content is for those who may see it, the id for all. */
  replacedState: ReadonlyMap<EventId, ReplacedState & { isVisible: boolean }>
  bundles: Bundles
}

/** Collects them in a few queries for any number of events, in none for events of which memory knows all. */
export async function findUnsignedData(
  ctx: Pick<Context, 'store'>,
  reader: Reader,
  events: readonly StoredEvent[],
): Promise<UnsignedData> {
  const [redactions, replacedState, bundles] = await Promise.all([
    findRedactions(ctx, reader.room, events),
    findReplacedState(ctx, reader.room, events),
    findBundles(ctx, reader, events),
  ])
  const places = [...redactions.values(), ...replacedState.values(), ...[...bundles.values()].flatMap(eventsOf)]
  const visible = new Set((await visibleEvents(ctx, reader, places)).map(({ position }) => position))
  const isVisible = ({ position }: { position: number }) => visible.has(position)
  return {
    redactions: mapped(redactions, (redaction) => (isVisible(redaction) ? redaction : undefined)),
    replacedState: mapped(replacedState, (replaced) => ({ ...replaced, isVisible: isVisible(replaced) })),
    bundles: mapped(bundles, (bundle) => withoutHidden(bundle, isVisible)),
  }
}

const eventsOf = ({ thread, edits, references }: Bundle): { position: number }[] => [
  ...(thread ? [thread.latest] : []),
  ...edits,
  ...references,
]

function withoutHidden(bundle: Bundle, isVisible: (event: { position: number }) => boolean): Bundle {
  const { thread, edits, references } = bundle
  return {
    ...(thread && isVisible(thread.latest) && { thread }),
    edits: edits.filter(isVisible).slice(0, 1),
    references: references.filter(isVisible),
  }
}

function mapped<Key, From, To>(map: ReadonlyMap<Key, From>, change: (value: From) => To | undefined): Map<Key, To> {
  const changed = new Map<Key, To>()
  for (const [key, value] of map) {
    const to = change(value)
    if (to !== undefined) changed.set(key, to)
  }
  return changed
}

/** The redactions of those events that were redacted. */
async function findRedactions(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  events: readonly StoredEvent[],
): Promise<Map<EventId, StoredEvent>> {
  const redactions = new Map<EventId, StoredEvent>()
  const redacted = events.filter(({ redactedBy }) => redactedBy !== null)
  if (redacted.length === 0) return redactions
  const found = new Map(room.recent.map((event) => [event.eventId, event]))
  const missing = redacted.flatMap(({ redactedBy }) => (redactedBy && !found.has(redactedBy) ? [redactedBy] : []))
  for (const event of await ctx.store.rooms.events.findMany(missing)) found.set(event.eventId, event)
  for (const { eventId, redactedBy } of redacted) {
    const redaction = redactedBy === null ? undefined : found.get(redactedBy)
    if (redaction) redactions.set(eventId, redaction)
  }
  return redactions
}
