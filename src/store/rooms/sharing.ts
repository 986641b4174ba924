import type { ServerName, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** How many joined members a room may have, and the server whose users do not count. */
type Smallness = { most: number; own: ServerName }

/** Who shares rooms with whom: reads of `memberships` alone. */
export const sharing = (db: Db, kind: Engine['kind']) => ({
  /** All users who share a room with the user, the user included. */
  async usersSharingRooms(userId: UserId): Promise<UserId[]> {
    return (await db('memberships as mine')
      .join('memberships as theirs', 'theirs.room_nid', 'mine.room_nid')
      .where({ 'mine.user_id': userId, 'mine.membership': 'join', 'theirs.membership': 'join' })
      .distinct('theirs.user_id')
      .pluck('theirs.user_id')) as UserId[]
  },

  /** Users of other servers in those of the rooms that have so many joined members at most. */
  async othersInSmallRooms(roomNids: readonly number[], { most, own }: Smallness): Promise<UserId[]> {
    if (roomNids.length === 0) return []
    return (await db('memberships as theirs')
      .whereRaw(...inList(kind, 'theirs.room_nid', roomNids))
      .where('theirs.membership', 'join')
      .whereNot('theirs.user_id', 'like', `%:${own}`)
      .whereRaw(
        `(select count(*) from (select 1 from memberships c
            where c.room_nid = theirs.room_nid and c.membership = 'join' limit ?) as counted) <= ?`,
        [most + 1, most],
      )
      .distinct('theirs.user_id')
      .pluck('theirs.user_id')) as UserId[]
  },

  /** Of users of other servers, those who share a room with a user of this one. */
  async sharingWithAccounts(userIds: readonly UserId[]): Promise<UserId[]> {
    if (userIds.length === 0) return []
    return (await db('memberships as theirs')
      .where('theirs.membership', 'join')
      .whereRaw(...inList(kind, 'theirs.user_id', userIds))
      .whereExists(
        db('memberships as ours')
          .join('accounts as a', 'a.user_id', 'ours.user_id')
          .whereRaw('ours.room_nid = theirs.room_nid')
          .where('ours.membership', 'join'),
      )
      .distinct('theirs.user_id')
      .pluck('theirs.user_id')) as UserId[]
  },

  async shareRoom(one: UserId, other: UserId): Promise<boolean> {
    const row: unknown = await db('memberships as mine')
      .join('memberships as theirs', 'theirs.room_nid', 'mine.room_nid')
      .where({ 'mine.user_id': one, 'mine.membership': 'join', 'theirs.user_id': other, 'theirs.membership': 'join' })
      .first(db.raw('1 as shared'))
    return row !== undefined
  },

  /**
   * Users whose sharing of rooms with the user may have changed after one position and up to another: those who joined
   * or left the user's rooms, and all members of rooms the user joined or left. The caller compares with the present.
   */
  async sharingCandidates(userId: UserId, after: number, upTo: number): Promise<UserId[]> {
    const range = (column: string) => db.raw('?? > ? and ?? <= ?', [column, after, column, upTo])
    const moved = (await db('memberships as mine')
      .join('room_state as s', 's.room_nid', 'mine.room_nid')
      .join('state_keys as k', 'k.nid', 's.key_nid')
      .where({ 'mine.user_id': userId, 'mine.membership': 'join', 'k.type': 'm.room.member' })
      .whereRaw(range('s.from_position'))
      .distinct('k.state_key')
      .pluck('k.state_key')) as UserId[]
    const ownMoves = (await db('memberships as mine')
      .join('memberships as theirs', 'theirs.room_nid', 'mine.room_nid')
      .where({ 'mine.user_id': userId })
      .whereIn('mine.membership', ['join', 'leave', 'ban'])
      .whereRaw(range('mine.position'))
      // Members who had left before that shared no room then, and share none now.
      .whereRaw('(theirs.membership = ? or theirs.position > ?)', ['join', after])
      .distinct('theirs.user_id')
      .pluck('theirs.user_id')) as UserId[]
    return [...new Set([...moved, ...ownMoves])]
  },

  /** Of some users, those who are joined to a room that the user is joined to. */
  async sharingAmong(userId: UserId, others: readonly UserId[]): Promise<UserId[]> {
    if (others.length === 0) return []
    return (await db('memberships as mine')
      .join('memberships as theirs', 'theirs.room_nid', 'mine.room_nid')
      .where({ 'mine.user_id': userId, 'mine.membership': 'join', 'theirs.membership': 'join' })
      .whereRaw(...inList(kind, 'theirs.user_id', others))
      .distinct('theirs.user_id')
      .pluck('theirs.user_id')) as UserId[]
  },
})
