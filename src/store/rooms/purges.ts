import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Branch } from './event-branches.ts'
import { deleteSome, giveSpaceBack } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import { statusCodes } from './events.ts'
import { inList } from '#store/engine/in-list.ts'

export type PurgeKind = 'history' | 'room'
/** `failed` is for good; `retrying` is what has failed and is tried again. */
export type PurgeStatus = 'scheduled' | 'active' | 'retrying' | 'complete' | 'failed'

/** A collection that was asked for, and how far it has come. */
export type Purge = Readonly<{
  id: string
  kind: PurgeKind
  roomId: RoomId
  /** Undefined for a room that was not known at the time of the request. */
  roomNid: number | undefined
  status: PurgeStatus
  /** JSON of the request and of its status reply. */
  plan: string
  /** What is being deleted; undefined before the first step. */
  step: string | undefined
  /** Position up to which the step is done. */
  cursor: number
  createdAt: number
}>

export type PurgeProgress = Pick<Purge, 'id' | 'status' | 'plan' | 'step' | 'cursor'>

type PurgeRow = {
  id: string
  kind: PurgeKind
  room_id: RoomId
  room_nid: number | null
  status: PurgeStatus
  plan: string
  step: string | null
  cursor: number
  created_at: number
}

/** An event that a purge passes. */
export type PassedEvent = Readonly<{
  position: number
  eventId: EventId
  type: string
  isState: boolean
  sender: UserId
  isRejected: boolean
  clientJson: string
}>

/** Tables with rows by room number, beside the events. */
export type RoomTable =
  | 'memberships'
  | 'outside_memberships'
  | 'room_state'
  | 'relations'
  | 'event_branches'
  | 'early_redactions'
  | 'history_gaps'

const unfinished: readonly PurgeStatus[] = ['scheduled', 'active', 'retrying']
/** A finished purge is kept for a week, for requests of its status. */
const remembered = 7 * 24 * 3_600_000

export const purges = (db: Db, kind: Engine['kind']) => {
  return {
    async insert({ id, kind: what, roomId, roomNid, status, plan, createdAt }: Purge): Promise<void> {
      await db('purges')
        .where('created_at', '<', createdAt - remembered)
        .whereNotIn('status', unfinished)
        .delete()
      const row = { id, kind: what, room_id: roomId, room_nid: roomNid ?? null, status, plan, created_at: createdAt }
      await db('purges').insert(row)
    },

    async find(id: string): Promise<Purge | undefined> {
      const row = await db<PurgeRow>('purges').where({ id }).first()
      return row && toPurge(row)
    },

    /** The purges of a room, the newest first. */
    async listForRoom(roomId: RoomId, what: PurgeKind): Promise<Purge[]> {
      const rows = await db<PurgeRow>('purges').where({ room_id: roomId, kind: what }).orderBy('created_at', 'desc')
      return rows.map(toPurge)
    },

    /** What of a kind is yet to be collected of a room, the oldest first. */
    async listUnfinished(roomId: RoomId, what: PurgeKind): Promise<Purge[]> {
      const rows = await db<PurgeRow>('purges')
        .where({ room_id: roomId, kind: what })
        .whereIn('status', unfinished)
        .orderBy(['created_at', 'id'])
      return rows.map(toPurge)
    },

    /** Whether something of the room is being collected by a job of these kinds, or waits for one, and did not fail. */
    async isUnderWay(roomId: RoomId, jobKinds: readonly string[]): Promise<boolean> {
      const job = db('jobs')
        .where({ job_key: roomId })
        .whereIn('kind', [...jobKinds])
        .whereIn('state', ['waiting', 'running'])
      const row: unknown = await db('purges')
        .where({ room_id: roomId })
        .whereIn('status', ['scheduled', 'active'])
        .whereExists(job)
        .first('id')
      return row !== undefined
    },

    /** Writes down how far it has come. */
    async progress({ id, status, plan, step, cursor }: PurgeProgress): Promise<void> {
      await db('purges')
        .where({ id })
        .update({ status, plan, step: step ?? null, cursor })
    },

    async block(roomId: RoomId, by: UserId): Promise<void> {
      await db('blocked_rooms').insert({ room_id: roomId, blocked_by: by }).onConflict('room_id').ignore()
    },

    /** Whether no user may enter the room: it is blocked, or what is left of it is being removed. */
    async isClosed(roomId: RoomId): Promise<boolean> {
      const removed = db('purges')
        .where({ room_id: roomId, kind: 'room' })
        .whereIn('status', unfinished)
        .select('room_id')
      const row: unknown = await db('blocked_rooms')
        .where({ room_id: roomId })
        .select('room_id')
        .unionAll(removed)
        .first()
      return row !== undefined
    },

    /** Hides history up to a position; live rooms in memory become stale. */
    async hideHistory(roomNid: number, upTo: number): Promise<void> {
      await db('rooms')
        .where({ nid: roomNid })
        .where('purged_up_to', '<', upTo)
        .update({ purged_up_to: upTo, line_version: db.raw('line_version + 1') })
    },

    /** Takes a room away from all users; what else is stored of it can no longer be reached. */
    async hideRoom(roomNid: number): Promise<void> {
      await db('rooms').where({ nid: roomNid }).delete()
    },

    /** The position just before the first event from a time in ms on. */
    async positionAt(roomNid: number, ts: number): Promise<number> {
      const row = (await db('events')
        .where({ room_nid: roomNid, status: statusCodes.accepted })
        .where('position', '>', 0)
        .where('origin_server_ts', '>=', ts)
        .min('position as position')
        .first()) as { position: number | null } | undefined
      return row === undefined || row.position === null ? Number.MAX_SAFE_INTEGER : Number(row.position) - 1
    },

    /** Positions of events after the purged history whose branches build on a position in it. */
    async branchesInto(roomNid: number, { upTo, limit }: { upTo: number; limit: number }): Promise<number[]> {
      const found = db('event_branches').where({ room_nid: roomNid }).where('position', '>', upTo)
      // Branches with a base before the create event have an empty base state.
      return found
        .whereBetween('base_position', [1, upTo - 1])
        .limit(limit)
        .pluck('position')
    },

    /** Rebases the branch of an event on another position. */
    async rebase(position: number, { basePosition, hops, delta }: Branch): Promise<void> {
      const row = { base_position: basePosition, hops, delta: JSON.stringify(delta) }
      await db('event_branches').where({ position }).update(row)
    },

    /** Deletes state intervals that ended before a position: that state is no longer shown. Answers how many. */
    async deleteIntervals(roomNid: number, { upTo, limit }: { upTo: number; limit: number }): Promise<number> {
      return deleteSome({ db, kind, table: 'room_state' }, 'room_nid = ? and to_position <= ?', {
        values: [roomNid, upTo],
        limit,
      })
    },

    async deleteRoomRows(table: RoomTable, roomNid: number, limit: number): Promise<number> {
      return deleteSome({ db, kind, table }, 'room_nid = ?', { values: [roomNid], limit })
    },

    /** Events between two positions (exclusive, inclusive), in order. */
    async passing(
      roomNid: number,
      { after, upTo, limit }: { after: number; upTo: number; limit: number },
    ): Promise<PassedEvent[]> {
      const rows = (await db('events')
        .where({ room_nid: roomNid })
        .where('position', '>', after)
        .where('position', '<=', upTo)
        .orderBy('position')
        .limit(limit)
        .select('position', 'event_id', 'type', 'state_key', 'sender', 'status', 'client_json')) as {
        position: number
        event_id: EventId
        type: string
        state_key: string | null
        sender: UserId
        status: number
        client_json: string
      }[]
      return rows.map((row) => ({
        position: Number(row.position),
        eventId: row.event_id,
        type: row.type,
        isState: row.state_key !== null,
        sender: row.sender,
        isRejected: row.status === statusCodes.rejected,
        clientJson: row.client_json,
      }))
    },

    /** Deletes events and all rows that refer to their positions. */
    async deleteEvents(positions: readonly number[]): Promise<void> {
      if (positions.length === 0) return
      for (const table of ['relations', 'event_transactions', 'event_branches', 'early_redactions', 'events'])
        await db(table)
          .whereRaw(...inList(kind, 'position', positions))
          .delete()
    },

    /** Gives emptied pages back, some at a time; answers whether there are more. */
    giveSpaceBack: (pages: number): Promise<boolean> => giveSpaceBack(db, kind, pages),
  }
}

const toPurge = (row: PurgeRow): Purge => ({
  id: row.id,
  kind: row.kind,
  roomId: row.room_id,
  roomNid: row.room_nid === null ? undefined : Number(row.room_nid),
  status: row.status,
  plan: row.plan,
  step: row.step ?? undefined,
  cursor: Number(row.cursor),
  createdAt: Number(row.created_at),
})
