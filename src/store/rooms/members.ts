import type { RoomId, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { inPages } from '#store/engine/in-pages.ts'

export type Membership = 'join' | 'invite' | 'knock' | 'leave' | 'ban'

/** A user's current membership of a room. */
export type Member = Readonly<{
  roomNid: number
  userId: UserId
  membership: Membership
  /** Who sent the member event: a leave by another is a kick. */
  sender: UserId
  /** Position of the member event. */
  position: number
  /** Position since which the user has been joined without a break, where that is known. */
  joinedAt: number | undefined
  isForgotten: boolean
}>

export type Place = Member & Readonly<{ roomId: RoomId }>

/** A user's place in a room, and how far the room is. */
export type AccountMembership = Omit<Place, 'userId'> & Readonly<{ lastPosition: number }>

type Row = {
  room_nid: number
  user_id: UserId
  membership: Membership
  sender: UserId
  position: number
  is_forgotten: boolean | number
  joined_position: number | null
}

/** A user's membership and, for a joined user, since which position. */
export type MembershipSince = Pick<Member, 'userId' | 'membership' | 'joinedAt'>

export const members = (db: Db, kind: Engine['kind']) => ({
  async find(roomNid: number, userId: UserId): Promise<Member | undefined> {
    const row = await db<Row>('memberships').where({ room_nid: roomNid, user_id: userId }).first()
    return row && fromRow(row)
  },

  /** Every room the user is or was in. */
  async listRooms(userId: UserId, memberships?: readonly Membership[]): Promise<Member[]> {
    const query = db<Row>('memberships').where({ user_id: userId })
    if (memberships) void query.whereIn('membership', memberships)
    return (await query).map(fromRow)
  },

  /** Every room the user is or was in, in the order of the positions at which they last changed for the user. */
  async listAccountRooms(userId: UserId): Promise<AccountMembership[]> {
    const rows = (await db('memberships as m')
      .join('rooms as r', 'r.nid', 'm.room_nid')
      .where({ 'm.user_id': userId })
      .select('m.*', 'r.room_id', 'r.last_position')) as (Row & { room_id: RoomId; last_position: number })[]
    return rows
      .map((row) => {
        const { userId: _user, ...member } = fromRow(row)
        const moved =
          member.membership === 'join' ? Math.max(Number(row.last_position), member.position) : member.position
        return { ...member, roomId: row.room_id, lastPosition: moved }
      })
      .sort((one, other) => one.lastPosition - other.lastPosition)
  },

  /** Users of a room with one of the memberships, in order of arrival. */
  async listUsers(roomNid: number, memberships: readonly Membership[], limit?: number): Promise<Member[]> {
    const query = db<Row>('memberships')
      .where({ room_nid: roomNid })
      .whereIn('membership', memberships)
      .orderBy('position')
    if (limit !== undefined) void query.limit(limit)
    return (await query).map(fromRow)
  },

  /** All memberships of some rooms, by room number, in order of arrival. */
  async listMemberships(roomNids: readonly number[]): Promise<Map<number, MembershipSince[]>> {
    const places = new Map<number, MembershipSince[]>()
    if (roomNids.length === 0) return places
    const along = { table: 'memberships', columns: ['room_nid', 'membership'] }
    const rows = await inPages<Omit<Row, 'sender' | 'is_forgotten'>>(kind, along, () =>
      db('memberships')
        .whereRaw(...inList(kind, 'room_nid', roomNids))
        .select('room_nid', 'user_id', 'membership', 'position', 'joined_position'),
    )
    rows.sort((one, other) => arrival(one) - arrival(other))
    for (const { room_nid, user_id: userId, membership, joined_position } of rows) {
      const ofRoom = places.get(Number(room_nid)) ?? []
      if (ofRoom.length === 0) places.set(Number(room_nid), ofRoom)
      ofRoom.push({ userId, membership, joinedAt: optionalNumber(joined_position) })
    }
    return places
  },

  /** How many users have each membership, room by room. */
  async counts(roomNids: readonly number[]): Promise<Map<number, Partial<Record<Membership, number>>>> {
    const counts = new Map<number, Partial<Record<Membership, number>>>()
    if (roomNids.length === 0) return counts
    const rows = (await db('memberships')
      .whereRaw(...inList(kind, 'room_nid', roomNids))
      .groupBy('room_nid', 'membership')
      .select('room_nid', 'membership')
      .count('* as count')) as unknown as { room_nid: number; membership: Membership; count: number | string }[]
    for (const { room_nid, membership, count } of rows)
      counts.set(Number(room_nid), { ...counts.get(Number(room_nid)), [membership]: Number(count) })
    return counts
  },

  /** Deactivated users who still have a membership in some room. */
  async listDeactivated(): Promise<UserId[]> {
    return db('accounts as a')
      .join('memberships as m', 'm.user_id', 'a.user_id')
      .whereNotNull('a.deactivated_at')
      .whereIn('m.membership', ['join', 'invite', 'knock'])
      .distinct('a.user_id')
      .pluck('a.user_id')
  },

  /** True when the user had left the room: only then can it be forgotten. */
  async forget(roomNid: number, userId: UserId): Promise<boolean> {
    const forgotten = await db<Row>('memberships')
      .where({ room_nid: roomNid, user_id: userId })
      .whereIn('membership', ['leave', 'ban'])
      .update({ is_forgotten: true })
    return forgotten > 0
  },

  /** Whether the user came into a room after one position and up to another. */
  async hasJoined(userId: UserId, { after, upTo }: { after: number; upTo: number }): Promise<boolean> {
    const row: unknown = await db('memberships')
      .where({ user_id: userId, membership: 'join' })
      .whereRaw('coalesce(joined_position, position) > ? and coalesce(joined_position, position) <= ?', [after, upTo])
      .first(db.raw('1 as joined'))
    return row !== undefined
  },

  /** Users whose member event in one of some rooms changed after one position and up to another. */
  async changedIn(roomNids: readonly number[], { after, upTo }: { after: number; upTo: number }): Promise<UserId[]> {
    if (roomNids.length === 0) return []
    return (await db('room_state as s')
      .crossJoin(db.raw('state_keys as k'))
      .where({ 'k.type': 'm.room.member' })
      .whereRaw('k.nid = s.key_nid')
      .whereRaw(...inList(kind, 's.room_nid', roomNids))
      .whereRaw('s.from_position > ? and s.from_position <= ?', [after, upTo])
      .distinct('k.state_key')
      .pluck('k.state_key')) as UserId[]
  },

  /** Users who are joined to one of some rooms, or whose membership in it changed after a position. */
  async presentSince(roomNids: readonly number[], after: number): Promise<UserId[]> {
    if (roomNids.length === 0) return []
    return (await db('memberships')
      .whereRaw(...inList(kind, 'room_nid', roomNids))
      .whereRaw('(membership = ? or position > ?)', ['join', after])
      .distinct('user_id')
      .pluck('user_id')) as UserId[]
  },
})

const fromRow = (row: Row): Member => ({
  roomNid: Number(row.room_nid),
  userId: row.user_id,
  membership: row.membership,
  sender: row.sender,
  position: Number(row.position),
  joinedAt: optionalNumber(row.joined_position),
  isForgotten: Boolean(row.is_forgotten),
})

const optionalNumber = (value: number | null): number | undefined => (value === null ? undefined : Number(value))

/** The first join counts, not a later change of name or avatar. */
const arrival = ({ position, joined_position }: Pick<Row, 'position' | 'joined_position'>): number =>
  Number(joined_position ?? position)
