import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { redact } from '#protocol/events/redaction.ts'
import type { EventId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { findBundles, type Bundles } from './bundle-relations.ts'
import { erasedFor } from './erased-content.ts'
import { findReplacedState, type ReplacedState } from './replaced-state.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { firstOf, isWithin, readableBy, type Reader } from './readable.ts'

/** Other events that go into the `unsigned` of some events, as far as they are for the reader. */
export type UnsignedData = {
  /** By the id of what they redacted. */
  redactions: ReadonlyMap<EventId, StoredEvent>
  /** By the id of what replaced them; the content is for those who may see it, the id for all. */
  replacedState: ReadonlyMap<EventId, ReplacedState & { isVisible: boolean }>
  bundles: Bundles
}

type Needs = Pick<Context, 'store' | 'erasedUsers'>

/** Collects them in a few queries for any number of events, in none for events of which memory knows all. */
export async function findUnsignedData(
  ctx: Needs,
  reader: Reader,
  events: readonly StoredEvent[],
): Promise<UnsignedData> {
  const [redactions, replacedState, bundles] = await Promise.all([
    findRedactions(ctx, reader.room, events),
    findReplacedState(ctx, reader.room, events),
    findBundles(ctx, reader, events),
  ])
  const shown = { bundles: await withoutErasedEdits(ctx, reader, { events, bundles }) }
  if (redactions.size + replacedState.size === 0) return { redactions, replacedState: new Map(), ...shown }
  const { ranges } = await readableBy(ctx, reader, firstOf([...redactions.values(), ...replacedState.values()]) - 1)
  const isVisible = ({ position }: { position: number }) => isWithin(ranges, position)
  return {
    // Clients recognize redacted events by this, whoever sent the redaction.
    redactions: mapped(redactions, (redaction) => (isVisible(redaction) ? heardFrom(reader, redaction) : undefined)),
    replacedState: mapped(await withoutErasedContent(ctx, reader, replacedState), (replaced) => ({
      ...replaced,
      isVisible: isVisible(replaced) || isOwnMembership(reader, replaced),
    })),
    ...shown,
  }
}

/** What a user was invited, let in or thrown out by they were shown then, also where it was before they could read. */
const isOwnMembership = ({ userId }: Reader, { pdu }: ReplacedState): boolean =>
  pdu.type === 'm.room.member' && pdu.state_key === userId

/** What is redacted has no edits, and an edit that is redacted is none. */
async function withoutErasedEdits(
  ctx: Needs,
  reader: Reader,
  { events, bundles }: { events: readonly StoredEvent[]; bundles: Bundles },
): Promise<Bundles> {
  const edits = [...bundles.values()].flatMap((bundle) => bundle.edits)
  if (edits.length === 0) return bundles
  const isErased = await erasedFor(ctx, reader, [...events, ...edits])
  const erased = new Set(events.filter(isErased).map(({ eventId }) => eventId))
  return new Map(
    [...bundles].map(([eventId, bundle]) => [
      eventId,
      { ...bundle, edits: erased.has(eventId) ? [] : bundle.edits.filter((edit) => !isErased(edit)) },
    ]),
  )
}

async function withoutErasedContent(
  ctx: Needs,
  reader: Reader,
  replacedState: ReadonlyMap<EventId, ReplacedState>,
): Promise<ReadonlyMap<EventId, ReplacedState>> {
  const asErasable = ({ pdu, position }: ReplacedState) => ({
    sender: pdu.sender,
    type: pdu.type,
    stateKey: pdu.state_key ?? null,
    position,
  })
  const isErased = await erasedFor(ctx, reader, Array.from(replacedState.values(), asErasable))
  return mapped(replacedState, (replaced) =>
    isErased(asErasable(replaced)) ? { ...replaced, pdu: redact(replaced.pdu, reader.room.version) } : replaced,
  )
}

/** A redaction without the words of an ignored user. */
function heardFrom({ ignored }: Reader, redaction: StoredEvent): StoredEvent {
  if (!ignored.has(redaction.sender)) return redaction
  const { content, ...event } = JSON.parse(redaction.clientJson) as { content: JsonObject }
  const { redacts } = content
  return { ...redaction, clientJson: JSON.stringify({ ...event, content: redacts === undefined ? {} : { redacts } }) }
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
