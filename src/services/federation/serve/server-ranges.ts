import { inSlices } from '#base/in-slices.ts'
import type { Context } from '#context.ts'
import { membershipOf, type JsonObject } from '#protocol/events/event.ts'
import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import { lastPosition, readableRanges } from '#services/rooms/read/readable-ranges.ts'
import { nidOf, visibilityIntervals } from '#services/rooms/read/history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { Interval } from '#services/rooms/live/state-entry.ts'
import type { PositionRange } from '#store/rooms/readable.ts'

/** Of a server with more users than this in a room those count that came first: it may get less than it could. */
const maxUsers = 1000
const usersAtOnce = 200

type Needs = Pick<Context, 'store'>

/**
 * The positions of the events that some user of the server may see, by the rules of `read/readable-ranges.ts` with all
 * its users taken for one. https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events
 */
export async function serverRanges(ctx: Needs, room: LiveRoom, server: ServerName): Promise<PositionRange[]> {
  const visibilities = await visibilityIntervals(ctx, room, { since: 0 })
  const isForMembers = visibilities.every(({ value }) => value === 'shared' || value === 'world_readable')
  if (isForMembers && room.joinedByServer.has(server)) return [{ from: 0, to: lastPosition }]
  return readableRanges({ visibilities, memberships: await serverMemberships(ctx, room, server) })
}

/** Whether the server's users were joined or at least invited, oldest first. */
export async function serverMemberships(ctx: Needs, room: LiveRoom, server: ServerName): Promise<Interval<string>[]> {
  const changes: { from: number; userId: UserId; value: string }[] = []
  for (const users of inSlices(usersOf(room, server), usersAtOnce)) {
    const asks = users.map((stateKey) => ({ roomNid: nidOf(room), type: 'm.room.member', stateKey }))
    const histories = await ctx.store.rooms.stateReads.histories(asks)
    for (const [index, userId] of users.entries())
      for (const { from, event } of histories[index] ?? [])
        changes.push({ from, userId, value: event ? membershipIn(event.clientJson) : 'leave' })
  }
  return merged(changes.sort((one, other) => one.from - other.from))
}

/** The server's users who ever had a membership, in the order in which they came. */
export function usersOf(room: LiveRoom, server: ServerName): UserId[] {
  const users: UserId[] = []
  for (const userId of room.members.keys()) if (serverOf(userId) === server && users.push(userId) === maxUsers) break
  return users
}

const membershipIn = (clientJson: string): string =>
  membershipOf(JSON.parse(clientJson) as { content: JsonObject }) ?? 'leave'

/** What all users together are: joined while one is, invited while one is and none is joined. */
function merged(changes: readonly { from: number; userId: UserId; value: string }[]): Interval<string>[] {
  const current = new Map<UserId, string>()
  const counts = new Map<string, number>()
  const count = (value: string | undefined, change: number) => {
    if (value !== undefined) counts.set(value, (counts.get(value) ?? 0) + change)
  }
  const intervals: Interval<string>[] = []
  for (const { from, userId, value } of changes) {
    count(current.get(userId), -1)
    count(value, 1)
    current.set(userId, value)
    const together = ['join', 'invite'].find((one) => (counts.get(one) ?? 0) > 0) ?? 'leave'
    const last = intervals.at(-1)
    if (last?.from === from) last.value = together
    else if (last?.value !== together) intervals.push({ from, value: together })
  }
  return intervals
}
