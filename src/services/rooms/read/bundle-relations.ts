import type { Context } from '#context.ts'
import { isObject, type Pdu } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { relationOf, type Relation } from '#protocol/events/relation.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { nidOf } from './history-intervals.ts'
import type { Reader } from './visibility.ts'

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
  // State events get no bundles, and nobody relates to a redaction or a reaction.
  const parents = events.filter(({ type, stateKey }) => stateKey === null && !childless.has(type))
  if (parents.length === 0) return new Map()
  const { recentFrom } = reader.room
  const recent = recentBundles(
    reader,
    parents.filter(({ position }) => position > recentFrom),
  )
  const old = parents.filter(({ position }) => position <= recentFrom)
  return old.length === 0 ? recent : new Map([...recent, ...(await storedBundles(ctx, reader, old))])
}

const childless = new Set(['m.room.redaction', 'm.reaction'])

type Child = { event: StoredEvent; relation: Relation }

/** Everything that relates to an event of `recent` is newer and therefore in `recent` too. */
function recentBundles({ room, userId }: Reader, parents: readonly StoredEvent[]): Map<EventId, Bundle> {
  const bundles = new Map<EventId, Bundle>()
  const first = parents.reduce((least, { position }) => Math.min(least, position), Infinity)
  const last = lastReadable({ room, userId })
  const children = childrenAfter(room.recent, first).filter(({ event }) => event.position <= last)
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
    const relation = relationOf(contentOf(event))
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
  if (latest) {
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
  !(original.clientJson.includes('"m.relates_to"') && relationOf(contentOf(original))?.relType === 'm.replace')

const holdsNewContent = (edit: StoredEvent): boolean =>
  edit.type === 'm.room.encrypted' || isObject(contentOf(edit)['m.new_content'])

const newerEditFirst = (one: StoredEvent, other: StoredEvent): number =>
  other.originServerTs - one.originServerTs || (one.eventId < other.eventId ? 1 : -1)

async function storedBundles(
  ctx: Pick<Context, 'store'>,
  { room, userId }: Reader,
  parents: readonly StoredEvent[],
): Promise<Map<EventId, Bundle>> {
  const ranked = await ctx.store.rooms.relations.forBundles(
    parents.map(({ eventId }) => eventId),
    { roomNid: nidOf(room), reader: userId, upTo: lastReadable({ room, userId }) },
  )
  const whole = ranked.filter(({ relType }) => relType !== 'm.reference').map(({ position }) => position)
  const events = new Map(
    (await ctx.store.rooms.events.atPositions(whole)).map((event) => [event.position, event] as const),
  )
  const bundles = new Map<EventId, Bundle>()
  for (const { parentId, relType, eventId, position, count, isParticipant } of ranked) {
    const bundle = bundles.get(parentId) ?? { edits: [], references: [] }
    bundles.set(parentId, bundle)
    const event = events.get(position)
    if (relType === 'm.reference') bundle.references.unshift({ eventId, position })
    else if (event && relType === 'm.thread') bundle.thread = { latest: event, count, isParticipant }
    else if (event && holdsNewContent(event)) bundle.edits.push(event)
  }
  return bundles
}

/** Those who left learn nothing of what came later. */
function lastReadable({ room, userId }: Reader): number {
  const isJoined = room.members.get(userId) === 'join'
  return isJoined ? room.lastPosition : (room.entry('m.room.member', userId)?.from ?? room.lastPosition)
}

const contentOf = ({ clientJson }: StoredEvent): Pdu['content'] =>
  (JSON.parse(clientJson) as Pick<Pdu, 'content'>).content
