import assert from 'node:assert/strict'
import type { TestReply, TestUser } from './client.ts'

const client = '/_matrix/client/v3'

/** The path of something in a room; what is inside is encoded. */
export const roomPath = (roomId: string, ...inside: string[]): string =>
  `${client}/rooms/${[roomId, ...inside].map(encodeURIComponent).join('/')}`

/** Makes a room and answers its id; throws when the server refuses. */
export async function createRoom(user: TestUser, body: object = {}): Promise<string> {
  return accepted(await user.request('POST', `${client}/createRoom`, body)).room_id
}

export const join = (user: TestUser, roomId: string) =>
  user.request('POST', `${client}/join/${encodeURIComponent(roomId)}`, {})

/** Does something to another user's membership: invite, kick, ban or unban. */
export const act = (user: TestUser, action: string, roomId: string, target: string, more: object = {}) =>
  user.request('POST', roomPath(roomId, action), { user_id: target, ...more })

export const leave = (user: TestUser, roomId: string) => user.request('POST', roomPath(roomId, 'leave'), {})

/** Sends a text and answers the event id; throws when the server refuses. */
export async function sendText(user: TestUser, roomId: string, body: string, txnId = body): Promise<string> {
  const path = roomPath(roomId, 'send', 'm.room.message', txnId)
  return accepted(await user.request('PUT', path, { msgtype: 'm.text', body })).event_id
}

export const putState = (user: TestUser, roomId: string, [type, stateKey = '']: [string, string?], content: object) =>
  user.request('PUT', roomPath(roomId, 'state', type, stateKey), content)

/** The body of a reply that must be a success. */
export function accepted({ status, body }: TestReply): TestReply['body'] {
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

/** Asserts a refusal by status and code. */
export function refused({ status, body }: TestReply, expected: number, errcode: string): void {
  assert.deepEqual({ status, errcode: body.errcode }, { status: expected, errcode })
}
