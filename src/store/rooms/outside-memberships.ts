import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import type { Membership } from './members.ts'

/** The membership of a user of this server in a room that this server is not in. */
export type OutsideMembership = Readonly<{
  roomNid: number
  roomId: RoomId
  /** Room version id. */
  version: string
  userId: UserId
  membership: Membership
  /** Who sent the member event. */
  sender: UserId
  position: number
  eventId: EventId
  /** JSON of the member event as clients see it. */
  clientJson: string
  /** JSON array of the stripped state that the user was shown of the room. */
  shownState: string
  /** Servers that were in the room. */
  servers: readonly ServerName[]
}>

type Row = {
  room_nid: number
  room_id: RoomId
  version: string
  user_id: UserId
  membership: Membership
  sender: UserId
  position: number
  event_id: EventId
  client_json: string
  shown_state: string
  servers: string
}

/** A row counts as long as the user's membership is still the one that came with it. */
export const outsideMemberships = (db: Db, kind: Engine['kind']) => {
  const present = () =>
    db('outside_memberships as o')
      .join('memberships as m', (join) => {
        void join.on('m.user_id', 'o.user_id').on('m.room_nid', 'o.room_nid').on('m.position', 'o.position')
      })
      .join('rooms as r', 'r.nid', 'o.room_nid')

  return {
    async find(roomId: RoomId, userId: UserId): Promise<OutsideMembership | undefined> {
      const row = (await present()
        .where({ 'r.room_id': roomId, 'o.user_id': userId })
        .first('o.*', 'm.membership', 'm.sender', 'r.room_id', 'r.version')) as Row | undefined
      return row && fromRow(row)
    },

    /** Those of a user in some rooms, by room number. */
    async listFor(userId: UserId, roomNids: readonly number[]): Promise<Map<number, OutsideMembership>> {
      if (roomNids.length === 0) return new Map()
      const rows = (await present()
        .where({ 'o.user_id': userId })
        .whereRaw(...inList(kind, 'o.room_nid', roomNids))
        .select('o.*', 'm.membership', 'm.sender', 'r.room_id', 'r.version')) as Row[]
      return new Map(rows.map((row) => [Number(row.room_nid), fromRow(row)]))
    },

    /** The users with such a membership in a room. */
    async listUsers(roomNid: number): Promise<UserId[]> {
      return (await present().where({ 'o.room_nid': roomNid }).pluck('o.user_id')) as UserId[]
    },

    /** How many invites and knocks of a user wait for an answer. */
    async countPending(userId: UserId): Promise<number> {
      const row = (await present()
        .where({ 'o.user_id': userId })
        .whereIn('m.membership', ['invite', 'knock'])
        .count('* as count')
        .first()) as { count: number | string } | undefined
      return Number(row?.count ?? 0)
    },

    /** Deletes the rows of a room that other memberships have taken the place of. */
    async deleteReplaced(roomNid: number): Promise<void> {
      const current = db('memberships as m')
        .whereRaw('m.user_id = outside_memberships.user_id and m.room_nid = outside_memberships.room_nid')
        .whereRaw('m.position = outside_memberships.position')
        .select(db.raw('1'))
      await db('outside_memberships').where({ room_nid: roomNid }).whereNotExists(current).delete()
    },
  }
}

const fromRow = (row: Row): OutsideMembership => ({
  roomNid: Number(row.room_nid),
  roomId: row.room_id,
  version: row.version,
  userId: row.user_id,
  membership: row.membership,
  sender: row.sender,
  position: Number(row.position),
  eventId: row.event_id,
  clientJson: row.client_json,
  shownState: row.shown_state,
  servers: JSON.parse(row.servers) as ServerName[],
})
