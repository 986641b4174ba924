import type { Context } from '#context.ts'
import { isObject, type Pdu } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { relationOf, type Relation } from '#protocol/events/relation.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from './history-intervals.ts'
import { firstOf, hiddenBy, readableBy, type Reader } from './readable.ts'
import { mayRootThread } from './thread-root.ts'
import type { Readable } from '#store/rooms/readable.ts'

/** What others said about an event, as its bundle sums it up. */
export type Bundle = {
  thread?: { latest: StoredEvent; count: number; isParticipant: boolean }
  /** Valid replacements, the one that counts first. */
  edits: StoredEvent[]
  references: { eventId: EventId; position: number }[]
}

export type Bundles = ReadonlyMap<EventId, Bundle>

/** Collects what the bundles of some events need: from memory for new events, in at most two queries for the others. */
export async function findBundles(
  ctx: Pick<Context, 'store'>,
  reader: Reader,
  events: readonly StoredEvent[],
): Promise<Bundles> {
  // State events get no bundles, and redactions and reactions have no related events.
  const parents = events.filter(({ type, stateKey }) => stateKey === null && !childless.has(type))
  if (parents.length === 0) return new Map()
  const readable = await readableBy(ctx, reader, firstOf(parents) - 1)
  const { recentFrom } = reader.room
  const recent = recentBundles(reader, {
    readable,
    parents: parents.filter(({ position }) => position > recentFrom),
  })
  const old = parents.filter(({ position }) => position <= recentFrom)
  if (old.length === 0) return recent
  return new Map([...recent, ...(await storedBundles(ctx, reader, { readable, parents: old }))])
}

/** Events, and what of what relates to them is for the reader. */
type Family = { readable: Readable; parents: readonly StoredEvent[] }

const childless = new Set(['m.room.redaction', 'm.reaction'])

type Child = { event: StoredEvent; relation: Relation }

/** Everything that relates to an event of `recent` is newer and therefore in `recent` too. */
function recentBundles({ room, userId }: Reader, { readable, parents }: Family): Map<EventId, Bundle> {
  const bundles = new Map<EventId, Bundle>()
  const children = childrenAfter(room.recent, firstOf(parents)).filter(({ event }) => !hiddenBy(readable, event))
  if (children.length === 0) return bundles
  for (const parent of parents) {
    const own = children.filter(({ relation }) => relation.parentId === parent.eventId)
    if (own.length > 0) bundles.set(parent.eventId, bundleOf(parent, own, userId))
  }
  return bundles
}

function childrenAfter(recent: readonly StoredEvent[], position: number): Child[] {
  const children: Child[] = []
  for (const event of recent) {
    if (event.position <= position || !event.clientJson.includes('"m.relates_to"')) continue
    const relation = relationOf(storedContent(event))
    if (relation) children.push({ event, relation })
  }
  return children
}

function bundleOf(parent: StoredEvent, children: readonly Child[], userId: UserId): Bundle {
  const ofType = (relType: string) =>
    children.filter(({ relation }) => relation.relType === relType).map(({ event }) => event)
  const bundle: Bundle = {
    edits: ofType('m.replace')
      .filter((edit) => mayReplace(edit, parent) && holdsNewContent(edit))
      .sort(newerEditFirst),
    references: ofType('m.reference'),
  }
  const thread = ofType('m.thread')
  const latest = thread.at(-1)
  if (latest && mayRootThread(parent)) {
    const isParticipant = [parent, ...thread].some(({ sender }) => sender === userId)
    bundle.thread = { latest, count: thread.length, isParticipant }
  }
  return bundle
}

/** https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events */
const mayReplace = (edit: StoredEvent, original: StoredEvent): boolean =>
  edit.sender === original.sender &&
  edit.type === original.type &&
  edit.stateKey === null &&
  original.redactedBy === null &&
  !(original.clientJson.includes('"m.relates_to"') && relationOf(storedContent(original))?.relType === 'm.replace')

const holdsNewContent = (edit: StoredEvent): boolean =>
  edit.type === 'm.room.encrypted' || isObject(storedContent(edit)['m.new_content'])

const newerEditFirst = (one: StoredEvent, other: StoredEvent): number =>
  other.originServerTs - one.originServerTs || (one.eventId < other.eventId ? 1 : -1)

async function storedBundles(
  ctx: Pick<Context, 'store'>,
  { room, userId }: Reader,
  { readable, parents }: Family,
): Promise<Map<EventId, Bundle>> {
  const ranked = await ctx.store.rooms.relations.forBundles(
    parents.map(({ eventId }) => eventId),
    { roomNid: nidOf(room), reader: userId, readable },
  )
  const whole = ranked.filter(({ relType }) => relType !== 'm.reference').map(({ position }) => position)
  const events = new Map((await ctx.store.rooms.events.shownAt(whole)).map((event) => [event.position, event] as const))
  const roots = new Set(parents.filter(mayRootThread).map(({ eventId }) => eventId))
  const bundles = new Map<EventId, Bundle>()
  for (const { parentId, relType, eventId, position, count, isParticipant } of ranked) {
    const bundle = bundles.get(parentId) ?? { edits: [], references: [] }
    bundles.set(parentId, bundle)
    const event = events.get(position)
    if (relType === 'm.reference') bundle.references.unshift({ eventId, position })
    else if (event && relType === 'm.thread' && roots.has(parentId))
      bundle.thread = { latest: event, count, isParticipant }
    else if (event && relType === 'm.replace' && holdsNewContent(event)) bundle.edits.push(event)
  }
  return bundles
}

const storedContent = ({ clientJson }: StoredEvent): Pdu['content'] =>
  (JSON.parse(clientJson) as Pick<Pdu, 'content'>).content
