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
export type Purge = {
  id: string
  kind: PurgeKind
  roomId: RoomId
  /** Undefined for a room that was not known when it was asked for. */
  roomNid: number | undefined
  status: PurgeStatus
  /** JSON of what was asked for and of what is answered about it. */
  plan: string
  /** What is being collected; undefined before anything is. */
  step: string | undefined
  /** Position up to which the step is done. */
  cursor: number
  createdAt: number
}

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
export type PassedEvent = {
  position: number
  eventId: EventId
  type: string
  isState: boolean
  sender: UserId
  isRejected: boolean
  clientJson: string
}

/** What is kept for a room by its number, beside its events. */
export type RoomTable = 'memberships' | 'room_state' | 'relations' | 'event_branches' | 'early_redactions'

const unfinished: readonly PurgeStatus[] = ['scheduled', 'active', 'retrying']
/** A purge that is over is remembered for a week, for those who ask for its status. */
const remembered = 7 * 24 * 3_600_000

export const purges = (db: Db, kind: Engine['kind']) => {
  const deleteFrom = (table: string, where: string, bounds: { values: readonly unknown[]; limit: number }) =>
    deleteSome({ db, kind }, [table, where], bounds)

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

    /** What was asked for a room, the newest first. */
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

    /** Hides history up to a position; whoever holds the room in memory is stale with it. */
    async hideHistory(roomNid: number, upTo: number): Promise<void> {
      await db('rooms')
        .where({ nid: roomNid })
        .where('purged_up_to', '<', upTo)
        .update({ purged_up_to: upTo, line_version: db.raw('line_version + 1') })
    },

    /** Takes a room and its names away from everybody; what else is stored of it can no longer be reached. */
    async hideRoom(roomNid: number, roomId: RoomId): Promise<void> {
      await db('rooms').where({ nid: roomNid }).delete()
      await db('room_aliases').where({ room_id: roomId }).delete()
    },

    /** The position just before the first event from a moment (milliseconds) on. */
    async positionAt(roomNid: number, ts: number): Promise<number> {
      const row = (await db('events')
        .where({ room_nid: roomNid, status: statusCodes.accepted })
        .where('position', '>', 0)
        .where('origin_server_ts', '>=', ts)
        .min('position as position')
        .first()) as { position: number | null } | undefined
      return row === undefined || row.position === null ? Number.MAX_SAFE_INTEGER : Number(row.position) - 1
    },

    /** Positions after the purged history of events whose branches build on what lies in it. */
    async branchesInto(roomNid: number, { upTo, limit }: { upTo: number; limit: number }): Promise<number[]> {
      const found = db('event_branches').where({ room_nid: roomNid }).where('position', '>', upTo)
      // What builds on the time before the room builds on nothing.
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

    /** State intervals that ended before a position: that state cannot be shown any more. Answers how many went. */
    async deleteIntervals(roomNid: number, { upTo, limit }: { upTo: number; limit: number }): Promise<number> {
      return deleteFrom('room_state', 'room_nid = ? and to_position <= ?', { values: [roomNid, upTo], limit })
    },

    async deleteReceipts(roomId: RoomId, { upTo, limit }: { upTo: number; limit: number }): Promise<number> {
      return deleteFrom('receipts', 'room_id = ? and event_position <= ?', { values: [roomId, upTo], limit })
    },

    async deleteRoomRows(table: RoomTable, roomNid: number, limit: number): Promise<number> {
      return deleteFrom(table, 'room_nid = ?', { values: [roomNid], limit })
    },

    async deleteAccountData(roomId: RoomId, limit: number): Promise<number> {
      return deleteFrom('account_data', 'room_id = ?', { values: [roomId], limit })
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

    /** Deletes events and all that hangs on their positions. */
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
