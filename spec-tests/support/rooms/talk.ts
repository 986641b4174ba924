import assert from 'node:assert/strict'
import type { TestClient } from '../server/client.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'

const base = '/_matrix/client/v3'
const part = encodeURIComponent

async function ok(
  client: TestClient,
  [method, path]: [string, string],
  body: unknown = {},
): Promise<Record<string, unknown>> {
  const reply = await client.request(method, `${base}${path}`, body)
  assert.equal(reply.status, 200, `${method} ${path}: ${JSON.stringify(reply.body)}`)
  return reply.body
}

export const createRoom = async (
  client: TestClient,
  settings: Record<string, unknown> = { preset: 'public_chat' },
): Promise<RoomId> => (await ok(client, ['POST', '/createRoom'], settings))['room_id'] as RoomId

export const joinRoom = (client: TestClient, roomId: string) => ok(client, ['POST', `/join/${part(roomId)}`])
export const leaveRoom = (client: TestClient, roomId: string) => ok(client, ['POST', `/rooms/${part(roomId)}/leave`])
export const invite = (client: TestClient, roomId: string, userId: string) =>
  ok(client, ['POST', `/rooms/${part(roomId)}/invite`], { user_id: userId })
export const kick = (client: TestClient, roomId: string, userId: string) =>
  ok(client, ['POST', `/rooms/${part(roomId)}/kick`], { user_id: userId })

let transactions = 0

/** Sends a text message, answers its event id. */
export const say = (client: TestClient, roomId: string, text: string): Promise<EventId> =>
  sendEvent(client, roomId, ['m.room.message', { msgtype: 'm.text', body: text }])

export const sendEvent = async (
  client: TestClient,
  roomId: string,
  [type, content]: [string, object],
): Promise<EventId> =>
  (await ok(client, ['PUT', `/rooms/${part(roomId)}/send/${type}/t${transactions++}`], content))['event_id'] as EventId

export const setState = async (
  client: TestClient,
  roomId: string,
  [type, key, content]: [string, string, object],
): Promise<EventId> =>
  (await ok(client, ['PUT', `/rooms/${part(roomId)}/state/${type}/${part(key)}`], content))['event_id'] as EventId
