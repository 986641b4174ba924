import type { UserId } from '#protocol/ids.ts'
import type { Context } from '#context.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { AccountRoom } from '#services/rooms/account-rooms/account-index.ts'
import type { SyncRequest } from './sync-request.ts'
import type { SyncToken } from './token.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'accountRooms'>

/**
 * Users whose sharing of rooms with the reader may have changed since the token: those who joined or left the reader's
 * rooms, and all members of rooms that the reader joined or left, or of which they came after the join. Only changed rooms are looked at, most of them in
 * memory.
 */
export async function movedUsers(
  { store, rooms, accountRooms }: Needs,
  { userId, since }: Pick<SyncRequest, 'userId' | 'since'>,
  now: SyncToken,
): Promise<readonly UserId[]> {
  if (!since || since.events >= now.events) return []
  const moved = (await accountRooms.of(userId)).eventsSince(since.events)
  const own = moved.filter(({ position, membership }) => position > since.events && movesSharing.has(membership))
  const users = new Set<UserId>()
  const unknown: AccountRoom[] = []
  const completed: number[] = []
  for (const room of moved) {
    if (room.membership !== 'join') continue
    const live = rooms.peek(room.roomId)
    if ((live?.partial?.completedAt ?? 0) > since.events) completed.push(room.roomNid)
    const members = recentMembers(live, since.events)
    if (!members) unknown.push(room)
    for (const member of members ?? []) users.add(member)
  }
  const interval = { after: since.events, upTo: now.events }
  completed.push(...(await store.rooms.partial.completedIn(nidsOf(unknown), interval)))
  const [changed, met] = await Promise.all([
    store.rooms.members.changedIn(nidsOf(unknown), interval),
    store.rooms.members.presentSince([...nidsOf(own), ...completed], interval.after),
  ])
  for (const user of [...changed, ...met]) users.add(user)
  return [...users]
}

const movesSharing: ReadonlySet<string> = new Set(['join', 'leave', 'ban'])

const nidsOf = (rooms: readonly AccountRoom[]): number[] => rooms.map(({ roomNid }) => roomNid)

/** Whose member events came after a position, where the room remembers all of what came after it. */
function recentMembers(room: LiveRoom | undefined, after: number): UserId[] | undefined {
  if (!room || room.recentFrom > after || room.plainSince > after) return undefined
  return room.recent.flatMap(({ type, stateKey, position }) =>
    position > after && type === 'm.room.member' && stateKey !== null ? [stateKey as UserId] : [],
  )
}
