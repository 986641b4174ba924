import type { TestClient, TestReply, TestUser } from '../server/client.ts'
import { accepted, roomPath } from './rooms.ts'
import type { EventId } from '#protocol/ids.ts'

type Query = Record<string, string | number | boolean>

const queryText = (query: Query): string =>
  `?${new URLSearchParams(Object.entries(query).map(([name, value]): [string, string] => [name, String(value)])).toString()}`

/** GET of something in a room. */
export const readRoom = (user: TestClient, [roomId, ...inside]: [string, ...string[]], query: Query = {}) =>
  user.request('GET', roomPath(roomId, ...inside) + queryText(query))

/** The same below /v1, where relations, threads and the search by time are. */
export const readRoomV1 = (user: TestClient, [roomId, ...inside]: [string, ...string[]], query: Query = {}) =>
  user.request('GET', roomPath(roomId, ...inside).replace('/v3/', '/v1/') + queryText(query))

export const readMessages = (user: TestClient, roomId: string, query: Query = {}): Promise<TestReply> =>
  readRoom(user, [roomId, 'messages'], { dir: 'b', ...query })

/** Pages to the end of the timeline; throws when a page is refused or they never end. */
export async function readAllMessages(
  user: TestClient,
  roomId: string,
  query: Query = {},
): Promise<TestReply['body'][]> {
  const events: TestReply['body'][] = []
  let from: string | undefined
  for (let page = 0; page < 100; page++) {
    const { chunk, end } = accepted(await readMessages(user, roomId, { ...query, ...(from !== undefined && { from }) }))
    events.push(...chunk)
    if (end === undefined) return events
    from = end
  }
  throw new Error('The pages do not end')
}

/** What people said, in the order of the events. */
export const textsOf = (events: TestReply['body'][]): string[] =>
  events.flatMap(({ type, content }) => (type === 'm.room.message' ? [content.body ?? '(redacted)'] : []))

let transactions = 0

/** Sends any event and answers its id. */
export async function sendEvent(user: TestUser, roomId: string, [type, content]: [string, object]): Promise<EventId> {
  const path = roomPath(roomId, 'send', type, `transaction ${transactions++}`)
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
  user.request('PUT', roomPath(roomId, 'redact', eventId, `transaction ${transactions++}`), {})
