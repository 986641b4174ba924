import { Type, type Static } from '@sinclair/typebox'
import { endpoint, JsonPieces, JsonText } from '#http/endpoint.ts'
import {
  deleteBackedUpKeys,
  getBackedUpKey,
  putBackedUpKeys,
  readBackedUpKeys,
  type BackupState,
} from '#services/e2ee/backed-up-keys.ts'
import { JsonBody } from '#api/client/json-object.ts'
import type { RoomId } from '#protocol/ids.ts'

const all = '/_matrix/client/v3/room_keys/keys'
const ofRoom = `${all}/:roomId`
const one = `${all}/:roomId/:sessionId`

const Name = Type.String({ minLength: 1, maxLength: 255, pattern: '^[^\\u0000]*$' })
const RoomName = Type.Unsafe<RoomId>(Name)
const InRoom = Type.Object({ roomId: RoomName })
const InSession = Type.Object({ roomId: RoomName, sessionId: Name })
const Version = Type.Object({ version: Type.String() })
const State = Type.Object({ etag: Type.String(), count: Type.Integer() })

const Session = Type.Object({
  first_message_index: Type.Integer({ minimum: 0 }),
  forwarded_count: Type.Integer({ minimum: 0 }),
  is_verified: Type.Boolean(),
  session_data: JsonBody,
})
const Room = Type.Object({ sessions: Type.Record(Type.String(), Session) })
const Rooms = Type.Object({ rooms: Type.Record(Type.String(), Room) })
// Keys of maps become ids, so they obey the same rule as ids in paths.
const names = { propertyNames: Name }
const RoomBody = Type.Object({ sessions: Type.Record(Type.String(), Session, names) })
const RoomsBody = Type.Object({
  rooms: Type.Unsafe<Record<RoomId, Static<typeof RoomBody>>>(Type.Record(Type.String(), RoomBody, names)),
})

type StoredSession = Awaited<ReturnType<typeof getBackedUpKey>>

const stored = (roomId: RoomId, sessionId: string, session: Static<typeof Session>): StoredSession => ({
  roomId,
  sessionId,
  firstMessageIndex: session.first_message_index,
  forwardedCount: session.forwarded_count,
  isVerified: session.is_verified,
  sessionData: JSON.stringify(session.session_data),
})

const storedRoom = (roomId: RoomId, { sessions }: Static<typeof Room>) =>
  Object.entries(sessions).map(([sessionId, session]) => stored(roomId, sessionId, session))

const stateReply = ({ etag, keyCount }: BackupState) => ({ etag: String(etag), count: keyCount })

/** A backup may hold a hundred thousand keys: their stored JSON text is sent without parsing. */
const sessionText = ({ firstMessageIndex, forwardedCount, isVerified, sessionData }: StoredSession) =>
  `{"first_message_index":${firstMessageIndex},"forwarded_count":${forwardedCount},"is_verified":${isVerified},"session_data":${sessionData}}`

const memberText = (session: StoredSession) => `${JSON.stringify(session.sessionId)}:${sessionText(session)}`

type Pages = AsyncIterable<readonly StoredSession[]>

async function* roomText(pages: Pages): AsyncGenerator<string> {
  let before = '{"sessions":{'
  for await (const sessions of pages) {
    yield before + sessions.map(memberText).join(',')
    before = ','
  }
  yield before === ',' ? '}}' : `${before}}}`
}

async function* roomsText(pages: Pages): AsyncGenerator<string> {
  yield '{"rooms":{'
  let room: RoomId | undefined
  for await (const sessions of pages) {
    const texts = sessions.map((session) => {
      const isSame = session.roomId === room
      const end = room === undefined ? '' : '}},'
      room = session.roomId
      return (isSame ? ',' : `${end}${JSON.stringify(room)}:{"sessions":{`) + memberText(session)
    })
    yield texts.join('')
  }
  yield room === undefined ? '}}' : '}}}}'
}

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys */
export const putBackupKeys = endpoint({
  method: 'PUT',
  path: all,
  auth: 'user',
  limit: 'keys',
  maxBody: 'large',
  query: Version,
  body: RoomsBody,
  reply: State,
  summary: 'Backs keys of several rooms up.',
  spec: 'client-server-api/#put_matrixclientv3room_keyskeys',
  async handle(ctx, { query, body }, { userId }) {
    const sessions = Object.entries(body.rooms).flatMap(([roomId, room]) => storedRoom(roomId as RoomId, room))
    return stateReply(await putBackedUpKeys(ctx, userId, { ...query, sessions }))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeys */
export const getBackupKeys = endpoint({
  method: 'GET',
  path: all,
  auth: 'user',
  query: Version,
  reply: Rooms,
  summary: 'Gets all keys of a backup.',
  spec: 'client-server-api/#get_matrixclientv3room_keyskeys',
  async handle(ctx, { query }, { userId }) {
    return new JsonPieces(roomsText(await readBackedUpKeys(ctx, userId, query)))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeys */
export const deleteBackupKeys = endpoint({
  method: 'DELETE',
  path: all,
  auth: 'user',
  limit: 'keys',
  query: Version,
  reply: State,
  summary: 'Removes all keys from a backup.',
  spec: 'client-server-api/#delete_matrixclientv3room_keyskeys',
  async handle(ctx, { query }, { userId }) {
    return stateReply(await deleteBackedUpKeys(ctx, userId, query))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomid */
export const putBackupRoom = endpoint({
  method: 'PUT',
  path: ofRoom,
  auth: 'user',
  limit: 'keys',
  maxBody: 'large',
  params: InRoom,
  query: Version,
  body: RoomBody,
  reply: State,
  summary: 'Backs keys of a room up.',
  spec: 'client-server-api/#put_matrixclientv3room_keyskeysroomid',
  async handle(ctx, { params, query, body }, { userId }) {
    return stateReply(await putBackedUpKeys(ctx, userId, { ...query, sessions: storedRoom(params.roomId, body) }))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomid */
export const getBackupRoom = endpoint({
  method: 'GET',
  path: ofRoom,
  auth: 'user',
  params: InRoom,
  query: Version,
  reply: Room,
  summary: 'Gets the keys of a room from a backup.',
  spec: 'client-server-api/#get_matrixclientv3room_keyskeysroomid',
  async handle(ctx, { params, query }, { userId }) {
    return new JsonPieces(roomText(await readBackedUpKeys(ctx, userId, { ...query, ...params })))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomid */
export const deleteBackupRoom = endpoint({
  method: 'DELETE',
  path: ofRoom,
  auth: 'user',
  limit: 'keys',
  params: InRoom,
  query: Version,
  reply: State,
  summary: 'Removes the keys of a room from a backup.',
  spec: 'client-server-api/#delete_matrixclientv3room_keyskeysroomid',
  async handle(ctx, { params, query }, { userId }) {
    return stateReply(await deleteBackedUpKeys(ctx, userId, { ...query, ...params }))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomidsessionid */
export const putBackupSession = endpoint({
  method: 'PUT',
  path: one,
  auth: 'user',
  limit: 'keys',
  maxBody: 'medium',
  params: InSession,
  query: Version,
  body: Session,
  reply: State,
  summary: 'Backs one key up.',
  spec: 'client-server-api/#put_matrixclientv3room_keyskeysroomidsessionid',
  async handle(ctx, { params: { roomId, sessionId }, query, body }, { userId }) {
    return stateReply(await putBackedUpKeys(ctx, userId, { ...query, sessions: [stored(roomId, sessionId, body)] }))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomidsessionid */
export const getBackupSession = endpoint({
  method: 'GET',
  path: one,
  auth: 'user',
  params: InSession,
  query: Version,
  reply: Session,
  summary: 'Gets one key from a backup.',
  spec: 'client-server-api/#get_matrixclientv3room_keyskeysroomidsessionid',
  async handle(ctx, { params, query }, { userId }) {
    return new JsonText(sessionText(await getBackedUpKey(ctx, userId, { ...query, ...params })))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomidsessionid */
export const deleteBackupSession = endpoint({
  method: 'DELETE',
  path: one,
  auth: 'user',
  limit: 'keys',
  params: InSession,
  query: Version,
  reply: State,
  summary: 'Removes one key from a backup.',
  spec: 'client-server-api/#delete_matrixclientv3room_keyskeysroomidsessionid',
  async handle(ctx, { params, query }, { userId }) {
    return stateReply(await deleteBackedUpKeys(ctx, userId, { ...query, ...params }))
  },
})

export const backedUpKeys = [
  putBackupSession,
  getBackupSession,
  deleteBackupSession,
  putBackupRoom,
  getBackupRoom,
  deleteBackupRoom,
  putBackupKeys,
  getBackupKeys,
  deleteBackupKeys,
]
