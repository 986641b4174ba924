import { accepted, type TestClient, type TestReply } from '../server/client.ts'
import { roomPath } from './rooms.ts'

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
