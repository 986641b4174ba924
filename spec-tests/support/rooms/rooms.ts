import { accepted, type TestUser } from '../server/client.ts'
import type { TestServer } from '../server/server.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'

const client = '/_matrix/client/v3'

/** The path of something in a room; what is inside is encoded. */
export const roomPath = (roomId: string, ...inside: string[]): string =>
  `${client}/rooms/${[roomId, ...inside].map(encodeURIComponent).join('/')}`

/** Makes a room and answers its id; throws when the server refuses. */
export async function createRoom(user: TestUser, body: object = {}): Promise<RoomId> {
  return accepted(await user.request('POST', `${client}/createRoom`, body)).room_id
}

export const join = (user: TestUser, roomId: string) =>
  user.request('POST', `${client}/join/${encodeURIComponent(roomId)}`, {})

/** Does something to another user's membership: invite, kick, ban or unban. */
export const act = (user: TestUser, action: string, roomId: string, target: string, more: object = {}) =>
  user.request('POST', roomPath(roomId, action), { user_id: target, ...more })

export const leave = (user: TestUser, roomId: string) => user.request('POST', roomPath(roomId, 'leave'), {})

let transactions = 0

/** Of each request its own. */
const newTransaction = (): string => `transaction ${transactions++}`

/** Sends a text and answers the event id; throws when the server refuses. */
export async function sendText(
  user: TestUser,
  roomId: string,
  body: string,
  txnId = newTransaction(),
): Promise<EventId> {
  const path = roomPath(roomId, 'send', 'm.room.message', txnId)
  return accepted(await user.request('PUT', path, { msgtype: 'm.text', body })).event_id
}

/** Sends any event and answers its id. */
export async function sendEvent(user: TestUser, roomId: string, [type, content]: [string, object]): Promise<EventId> {
  const path = roomPath(roomId, 'send', type, newTransaction())
  return accepted(await user.request('PUT', path, content)).event_id
}

/** Sends a text that relates to another event, with itself as the new content when it is an edit. */
export const sendRelated = (
  user: TestUser,
  roomId: string,
  { relType, parentId, body }: { relType: string; parentId: string; body: string },
): Promise<EventId> => {
  const text = { msgtype: 'm.text', body }
  const relation = { 'm.relates_to': { rel_type: relType, event_id: parentId } }
  return sendEvent(user, roomId, [
    'm.room.message',
    { ...text, ...relation, ...(relType === 'm.replace' && { 'm.new_content': text }) },
  ])
}

export const redact = (user: TestUser, roomId: string, eventId: string) =>
  user.request('PUT', roomPath(roomId, 'redact', eventId, newTransaction()), {})

export const putState = (user: TestUser, roomId: string, [type, stateKey = '']: [string, string?], content: object) =>
  user.request('PUT', roomPath(roomId, 'state', type, stateKey), content)

/** The room's accepted events as they lie on disk, oldest first. */
export async function eventsOf(server: TestServer, roomId: RoomId) {
  const room = await server.context.store.rooms.rooms.find(roomId)
  const page = { roomNid: room?.nid ?? 0, from: 0, direction: 'forwards' as const, limit: 1000 }
  const events = await server.context.store.rooms.events.page(page)
  return events.map(({ eventId, type, stateKey, sender, clientJson }) => ({
    eventId,
    type,
    stateKey,
    sender,
    content: JSON.parse(clientJson).content,
  }))
}

/** The content that holds a state key now; undefined where none does. */
export async function stateOf(server: TestServer, roomId: RoomId, type: string, stateKey = '') {
  const events = await eventsOf(server, roomId)
  return events.filter((event) => event.type === type && event.stateKey === stateKey).at(-1)?.content
}
