import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import type { StoredRoom } from '#store/rooms/rooms.ts'
import { AuthIndexCheck } from './auth-index.ts'
import { EventCache, type CachedEvent } from './event-cache.ts'
import { checkMemberships } from './memberships.ts'
import { checkOrphans } from './orphans.ts'
import { checkReceipts } from './receipts.ts'
import { checkRedactions } from './redactions.ts'
import { checkRelations } from './relations.ts'
import { Replay } from './replay.ts'
import { checkRoomRow } from './room-row.ts'
import { checkStateIntervals } from './state-intervals.ts'
import type { Subject } from './subject.ts'
import { checkTransactions } from './transactions.ts'
import type { RoomId } from '#protocol/ids.ts'

/** A row that is not what the stored events say. */
export type Difference = RowChange & { roomId: RoomId }

type Needs = Pick<Context, 'store'>

const pageSize = 500
const maxAttempts = 5
const beforeAll = Number.MIN_SAFE_INTEGER

/**
 * Recomputes everything derived of a room from its events and answers what differs. Events are read in pages; memory
 * grows with the changes of state alone. Throws M_NOT_FOUND for an unknown room.
 */
export async function checkRoom(ctx: Needs, roomId: RoomId): Promise<Difference[]> {
  for (let attempt = 1; ; attempt++) {
    const room = await ctx.store.rooms.rooms.find(roomId)
    if (!room) throw notFound('The room is not known')
    const changes = await compare(ctx, room)
    // What was read while the room moved on is of no one moment.
    const now = await ctx.store.rooms.rooms.findByNid(room.nid)
    if (changes.length === 0 || now?.revision === room.revision) return changes.map((change) => ({ ...change, roomId }))
    if (attempt === maxAttempts) throw new Error('The room changes while it is checked: stop the server first')
  }
}

async function compare({ store }: Needs, room: StoredRoom): Promise<RowChange[]> {
  const version = roomVersion(room.version)
  if (!version) throw new Error(`The room has the unknown version ${room.version}`)
  const { roomId, nid } = room
  const serverName = (await store.deployment.find())?.serverName
  const events = new EventCache(store, { roomId, version, nid })
  const partial = await store.rooms.partial.outcome(nid)
  const subject: Subject = { store, room, roomId, version, serverName, events, partial }
  const replay = new Replay(subject)
  await replay.begin()
  const authIndex = new AuthIndexCheck(subject)
  const changes: RowChange[] = []
  for (let after = beforeAll; ;) {
    const stored = await store.rooms.check.events(nid, { after, limit: pageSize })
    const page = stored.map((event) => subject.events.put(event))
    changes.push(...(await authIndex.check(page)))
    changes.push(...(await checkPage(subject, replay, page)))
    const last = stored.at(-1)
    if (!last || stored.length < pageSize) break
    after = last.position
  }
  await replay.passCorrection(Infinity)
  return onePerRow([
    ...changes,
    ...(await checkStateIntervals(subject, replay.journal)),
    ...(await checkMemberships(subject, replay.journal)),
    ...(await checkRoomRow(subject, replay)),
    ...(await checkReceipts(subject)),
    ...(await checkOrphans(subject)),
  ])
}

/** Of the timeline alone, and of that only what is not purged. */
async function checkPage(subject: Subject, replay: Replay, events: readonly CachedEvent[]): Promise<RowChange[]> {
  const { store, room } = subject
  const page = events.filter(({ event }) => event.position > room.purgedUpTo)
  const branches = await store.rooms.branches.findMany(page.map(({ event }) => event.position))
  const changes: RowChange[] = []
  for (const cached of page) changes.push(...(await replay.take(cached, branches.get(cached.event.position))))
  return [
    ...changes,
    ...(await checkRelations(subject, page)),
    ...(await checkTransactions(subject, page)),
    ...(await checkRedactions(subject, replay, page)),
  ]
}

/** Two findings about one row are one difference; the later one says more. */
function onePerRow(changes: readonly RowChange[]): RowChange[] {
  const rows = new Map<string, RowChange>()
  for (const change of changes) {
    const name = `${change.table} ${JSON.stringify(change.key)}`
    const replaced = rows.get(name)
    const isSplit = replaced?.expected && change.expected
    rows.set(name, isSplit ? { ...change, expected: { ...replaced.expected, ...change.expected } } : change)
  }
  return [...rows.values()]
}
