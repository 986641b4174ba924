import type { Context } from '#context.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import { showsIn } from '#services/rooms/read/filterable.ts'
import type { SyncRoom } from '#services/sync/v3/sync-rooms.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import type { OutsideMembership } from '#store/rooms/outside-memberships.ts'
import { stateText, timelineText } from './joined-room.ts'

/** The user's memberships in rooms that this server is not in, by room number, where they are what is shown now. */
export async function outsideRooms(
  ctx: Pick<Context, 'store'>,
  { request }: SyncMoment,
  syncRooms: readonly SyncRoom[],
): Promise<ReadonlyMap<number, OutsideMembership>> {
  const nids = syncRooms.filter(({ membership }) => membership !== 'join').map(({ roomNid }) => roomNid)
  if (nids.length === 0) return new Map()
  const found = await ctx.store.rooms.outside.listFor(request.userId, nids)
  const positions = new Map(syncRooms.map(({ roomNid, position }) => [roomNid, position]))
  return new Map([...found].filter(([nid, { position }]) => positions.get(nid) === position))
}

/** JSON text of such a room: the state that the user was shown, or the event by which it is over. */
export function outsideRoom(moment: SyncMoment, outside: OutsideMembership): string {
  const { membership, shownState } = outside
  if (membership === 'invite') return `{"invite_state":{"events":${shownState}}}`
  if (membership === 'knock') return `{"knock_state":{"events":${shownState}}}`
  const { filter, stateAfter } = moment.request
  const member = { ...outside, type: 'm.room.member' }
  const shownIn = (section: CompiledRoomEventFilter) =>
    showsIn(outside.roomId, section, member) ? [eventText(outside)] : []
  const nothing = { events: [], limited: false }
  const parts = [
    `"timeline":${timelineText(nothing, shownIn(filter.timeline), outside.position)}`,
    stateText(moment, stateAfter === undefined ? [] : shownIn(filter.state)),
    '"account_data":{"events":[]}',
  ]
  return `{${parts.join(',')}}`
}

const eventText = ({ eventId, clientJson }: OutsideMembership): string =>
  `{"event_id":${JSON.stringify(eventId)},${clientJson.slice(1)}`
