import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** A join of one of our users that brought the room without its members. */
export type PartialJoin = Readonly<{
  /** The members are those before it. */
  joinEventId: EventId
  /** The servers that were in the room then, first the one that let our user in. */
  servers: readonly ServerName[]
}>

/** A room that was entered so. */
export type PartialRoom = Readonly<{
  /** The joins of which the members are not here; of several, users left in between. */
  awaited: readonly PartialJoin[]
  /** Position at which all members were here; undefined: they are not. */
  completedAt: number | undefined
}>

/** What was known of a room while members were missing, and afterwards. */
export type PartialOutcome = Readonly<{
  isPartial: boolean
  /** Position at which members were here last; 0: never. */
  lastEnd: number
  /** Positions between which the current state was taken for what it was not. */
  corrected: Readonly<{ after: number; upTo: number }> | undefined
}>

/** A room whose members are still to come. */
export type AwaitedRoom = Readonly<{
  roomId: RoomId
  /** When its job was made. */
  since: number | undefined
  progress: JsonValue | undefined
  attempts: number
  /** Why the last attempt failed. */
  error: string | undefined
}>

/** Since when the membership of a user is known, and whether it was at a position that was asked for. */
export type KnownMember = { isCovered: boolean; nextFrom: number | undefined }

type Row = { room_nid: number; join_event_id: EventId; servers: string; completed_position: number | null }
type OutcomeRow = { position: number | null; completed_position: number | null; is_corrected: boolean | number }
type AwaitedRow = {
  room_id: RoomId
  created_at: number | null
  progress: string | null
  attempts: number | null
  error: string | null
}
type SpanRow = { state_key: UserId; from_position: number; to_position: number | null }

export const partialRooms = (db: Db, kind: Engine['kind']) => ({
  /** By room number. */
  async findMany(roomNids: readonly number[]): Promise<Map<number, PartialRoom>> {
    if (roomNids.length === 0) return new Map()
    const rows = await db<Row>('partial_rooms')
      .whereRaw(...inList(kind, 'room_nid', roomNids))
      .orderBy(['room_nid', 'join_event_id'])
    return new Map([...Map.groupBy(rows, (row) => Number(row.room_nid))].map(([nid, joins]) => [nid, roomOf(joins)]))
  },

  /** What joins of a room that left members out came to. */
  async outcome(roomNid: number): Promise<PartialOutcome> {
    const rows = (await db('partial_rooms as p')
      .leftJoin('events as e', 'e.event_id', 'p.join_event_id')
      .where('p.room_nid', roomNid)
      .select('e.position', 'p.completed_position', 'p.is_corrected')) as OutcomeRow[]
    const ends = rows.map(({ completed_position }) => Number(completed_position))
    const corrections = rows.flatMap((row) => (row.is_corrected ? Number(row.completed_position) : []))
    const after = Math.min(...rows.flatMap(({ position }) => (position === null ? [] : Number(position))))
    return {
      isPartial: rows.some(({ completed_position }) => completed_position === null),
      lastEnd: Math.max(0, ...ends),
      corrected: corrections.length > 0 ? { after, upTo: Math.max(...corrections) } : undefined,
    }
  },

  /** Rooms whose members are still to come, in the order of their ids, with how far the jobs of a kind have come. */
  async listAwaited(jobKind: string, { after, limit }: { after: string; limit: number }): Promise<AwaitedRoom[]> {
    const rows = (await db('partial_rooms as p')
      .join('rooms as r', 'r.nid', 'p.room_nid')
      .leftJoin('jobs as j', (job) => {
        job.on('j.job_key', 'r.room_id').andOn('j.kind', db.raw('?', [jobKind]))
      })
      .whereNull('p.completed_position')
      .where('r.room_id', '>', after)
      .groupBy('r.room_id', 'j.progress', 'j.attempts', 'j.error', 'j.created_at')
      .orderBy('r.room_id')
      .limit(limit)
      .select('r.room_id', 'j.progress', 'j.attempts', 'j.error', 'j.created_at')) as AwaitedRow[]
    return rows.map((row) => ({
      roomId: row.room_id,
      since: row.created_at === null ? undefined : Number(row.created_at),
      progress: row.progress === null ? undefined : (JSON.parse(row.progress) as JsonValue),
      attempts: Number(row.attempts ?? 0),
      error: row.error ?? undefined,
    }))
  },

  /** Says that a join is about to bring the room without its members. */
  async begin(roomNid: number, { joinEventId, servers }: PartialJoin): Promise<void> {
    const row = { servers: JSON.stringify(servers), completed_position: null }
    await db('partial_rooms')
      .insert({ room_nid: roomNid, join_event_id: joinEventId, ...row })
      .onConflict(['room_nid', 'join_event_id'])
      .merge(row)
  },

  /** The join did not come about. */
  async delete(roomNid: number, joinEventId: EventId): Promise<void> {
    await db('partial_rooms').where({ room_nid: roomNid, join_event_id: joinEventId }).delete()
  },

  /** Of some rooms, those whose members came after one position and up to another. */
  async completedIn(roomNids: readonly number[], { after, upTo }: { after: number; upTo: number }): Promise<number[]> {
    if (roomNids.length === 0) return []
    const rows = await db<Row>('partial_rooms')
      .whereRaw(...inList(kind, 'room_nid', roomNids))
      .where('completed_position', '>', after)
      .where('completed_position', '<=', upTo)
      .select('room_nid')
    return rows.map(({ room_nid }) => Number(room_nid))
  },

  /** Members of the user's rooms who came after the user's join, after one position and up to another. */
  async membersCompleted(userId: UserId, after: number, upTo: number): Promise<UserId[]> {
    return (await db('memberships as mine')
      .join('partial_rooms as p', 'p.room_nid', 'mine.room_nid')
      .join('memberships as theirs', 'theirs.room_nid', 'mine.room_nid')
      .where({ 'mine.user_id': userId, 'mine.membership': 'join', 'theirs.membership': 'join' })
      .where('p.completed_position', '>', after)
      .where('p.completed_position', '<=', upTo)
      .distinct('theirs.user_id')
      .pluck('theirs.user_id')) as UserId[]
  },

  /** What is known of the memberships of some users at a position and after it. */
  async knownMembers(
    roomNid: number,
    userIds: readonly UserId[],
    position: number,
  ): Promise<ReadonlyMap<UserId, KnownMember>> {
    const known = new Map<UserId, KnownMember>()
    if (userIds.length === 0) return known
    const rows = (await db('state_keys as k')
      .crossJoin(db.raw('room_state as s'))
      .where('k.type', 'm.room.member')
      .whereRaw(...inList(kind, 'k.state_key', userIds))
      .whereRaw('s.key_nid = k.nid and s.room_nid = ?', [roomNid])
      .select('k.state_key', 's.from_position', 's.to_position')) as SpanRow[]
    for (const { state_key: userId, from_position, to_position } of rows) {
      const [from, to] = [Number(from_position), to_position === null ? Infinity : Number(to_position)]
      const { isCovered = false, nextFrom = Infinity } = known.get(userId) ?? {}
      const next = from > position ? Math.min(nextFrom, from) : nextFrom
      known.set(userId, {
        isCovered: isCovered || (from <= position && to > position),
        nextFrom: next === Infinity ? undefined : next,
      })
    }
    return known
  },
})

function roomOf(rows: readonly Row[]): PartialRoom {
  const awaited = rows.filter((row) => row.completed_position === null)
  const last = Math.max(...rows.map((row) => Number(row.completed_position)))
  return { awaited: awaited.map(joinOf), completedAt: awaited.length > 0 ? undefined : last }
}

const joinOf = (row: Row): PartialJoin => ({
  joinEventId: row.join_event_id,
  servers: JSON.parse(row.servers) as ServerName[],
})
