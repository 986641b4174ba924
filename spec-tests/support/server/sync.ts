import assert from 'node:assert/strict'
import { accepted, type TestClient } from './client.ts'
import type { EventId, UserId } from '#protocol/ids.ts'

export type SyncEvent = {
  type: string
  event_id: EventId
  sender: UserId
  state_key?: string
  content: Record<string, unknown>
  unsigned?: Record<string, unknown>
}
type Events = { events: SyncEvent[] }
export type SyncedRoom = {
  timeline: Events & { limited: boolean; prev_batch: string }
  state: Events
  state_after: Events
  'org.matrix.msc4222.state_after': Events
  summary: { 'm.heroes'?: string[]; 'm.joined_member_count'?: number; 'm.invited_member_count'?: number }
  ephemeral: Events
  account_data: Events
  unread_notifications: { notification_count: number; highlight_count: number }
  unread_thread_notifications?: Record<string, { notification_count: number; highlight_count: number }>
}
export type Synced = {
  next_batch: string
  account_data: Events
  presence: Events
  rooms: {
    join?: Record<string, SyncedRoom>
    invite?: Record<string, { invite_state: Events }>
    knock?: Record<string, { knock_state: Events }>
    leave?: Record<string, SyncedRoom>
  }
  to_device: Events
  device_lists: { changed: string[]; left: string[] }
  device_one_time_keys_count: Record<string, number>
  device_unused_fallback_key_types: string[]
}

export type SyncQuery = { since?: string; timeout?: string; full_state?: string; filter?: object } & Record<
  string,
  unknown
>

/** One /sync that must succeed. */
export async function sync(client: TestClient, { filter, ...query }: SyncQuery = {}): Promise<Synced> {
  const parameters = new URLSearchParams(query as Record<string, string>)
  if (filter) parameters.set('filter', JSON.stringify(filter))
  return accepted(await client.request('GET', `/_matrix/client/v3/sync?${parameters.toString()}`))
}

/** The room's part of the joined rooms; fails when there is none. */
export function joined({ rooms }: Synced, roomId: string): SyncedRoom {
  const room = rooms.join?.[roomId]
  assert.ok(room, `The room is not among the joined rooms`)
  return room
}

export const bodiesOf = ({ timeline }: SyncedRoom): unknown[] =>
  timeline.events.filter(({ type }) => type === 'm.room.message').map(({ content }) => content['body'])

export const keysOf = ({ events }: Events): string[] =>
  events.map(({ type, state_key }) => `${type}|${state_key}`).sort()
