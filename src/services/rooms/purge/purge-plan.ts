import type { Purge } from '#store/rooms/purges.ts'
import type { UserId } from '#protocol/ids.ts'

/** The kinds of the jobs that collect what is purged; their key is the room id. */
export const deleteRoomJob = 'delete-room'
export const purgeHistoryJob = 'purge-history'
export const purgeJobs = [deleteRoomJob, purgeHistoryJob] as const

/** What is to go of a room's history. */
export type HistoryPlan = { upTo: number; deleteLocal: boolean }

/** What the administration API answers about a deleted room. */
export type Shutdown = {
  kicked_users: UserId[]
  failed_to_kick_users: UserId[]
  local_aliases: string[]
  new_room_id: null
}

/** How a room is to go. */
export type RoomPlan = { purge: boolean; force: boolean; shutdown: Shutdown; error?: string }

export const historyPlan = ({ plan }: Pick<Purge, 'plan'>): HistoryPlan => JSON.parse(plan) as HistoryPlan
export const roomPlan = ({ plan }: Pick<Purge, 'plan'>): RoomPlan => JSON.parse(plan) as RoomPlan

/** How many rows one transaction takes away at most. */
export const sliceRows = 500

/** One piece of a purge: what to write together, and where that leads. */
export type Progress = Pick<Purge, 'status' | 'plan' | 'step' | 'cursor'>
