import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { findAccountData, putAccountData as put } from '#services/accounts/data/account-data.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { requireSelf } from '#api/client/require-self.ts'
import { RoomIdText, UserIdText } from '#api/ids.ts'

const path = '/_matrix/client/v3/user/:userId/account_data/:type'
const roomPath = '/_matrix/client/v3/user/:userId/rooms/:roomId/account_data/:type'
const Params = Type.Object({ userId: UserIdText, type: Type.String() })
const RoomParams = Type.Object({ userId: UserIdText, roomId: RoomIdText, type: Type.String() })

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype */
export const getAccountData = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  params: Params,
  reply: JsonBody,
  summary: 'Shows account data of one type.',
  spec: 'client-server-api/#get_matrixclientv3useruseridaccount_datatype',
  async handle(ctx, { params }, requester) {
    requireSelf(requester, params.userId)
    return findAccountData(ctx, params)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype */
export const putAccountData = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  params: Params,
  body: JsonBody,
  reply: Type.Object({}),
  summary: 'Sets account data of one type.',
  spec: 'client-server-api/#put_matrixclientv3useruseridaccount_datatype',
  async handle(ctx, { params, body }, requester) {
    requireSelf(requester, params.userId)
    await put(ctx, params, body)
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidaccount_datatype */
export const getRoomAccountData = endpoint({
  method: 'GET',
  path: roomPath,
  auth: 'user',
  params: RoomParams,
  reply: JsonBody,
  summary: 'Shows account data of one type that belongs to a room.',
  spec: 'client-server-api/#get_matrixclientv3useruseridroomsroomidaccount_datatype',
  async handle(ctx, { params }, requester) {
    requireSelf(requester, params.userId)
    return findAccountData(ctx, params)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype */
export const putRoomAccountData = endpoint({
  method: 'PUT',
  path: roomPath,
  auth: 'user',
  params: RoomParams,
  body: JsonBody,
  reply: Type.Object({}),
  summary: 'Sets account data of one type that belongs to a room.',
  spec: 'client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype',
  async handle(ctx, { params, body }, requester) {
    requireSelf(requester, params.userId)
    await put(ctx, params, body)
    return {}
  },
})

export const accountData = [getAccountData, putAccountData, getRoomAccountData, putRoomAccountData]
