import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import {
  deleteDehydratedDevice,
  dehydrateDevice,
  findDehydratedDevice,
  listDehydratedMessages,
} from '#services/e2ee/dehydrated-device.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { DeviceKeysBody, OneTimeKeys } from './keys.ts'
import { UserIdText } from '#api/ids.ts'

const path = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device'
const spec = 'https://github.com/matrix-org/matrix-spec-proposals/pull/3814'

const Id = Type.Object({ device_id: Type.String() })
const InDevice = Type.Object({ deviceId: Type.String() })
const Event = Type.Object({ sender: UserIdText, type: Type.String(), content: JsonBody })

/** https://github.com/matrix-org/matrix-spec-proposals/pull/3814 */
export const putDehydratedDevice = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  limit: 'keys',
  maxBody: 'large',
  body: Type.Object({
    device_id: Type.String(),
    device_data: JsonBody,
    initial_device_display_name: Type.Optional(Type.String({ maxLength: 255 })),
    device_keys: Type.Optional(DeviceKeysBody),
    one_time_keys: Type.Optional(OneTimeKeys),
    fallback_keys: Type.Optional(OneTimeKeys),
  }),
  reply: Id,
  summary: 'Gives a device into the keeping of the server.',
  spec,
  async handle(ctx, { body }, { userId }) {
    await dehydrateDevice(ctx, userId, {
      deviceId: body.device_id,
      displayName: body.initial_device_display_name,
      data: body.device_data,
      keys: { deviceKeys: body.device_keys, oneTimeKeys: body.one_time_keys, fallbackKeys: body.fallback_keys },
    })
    return { device_id: body.device_id }
  },
})

/** https://github.com/matrix-org/matrix-spec-proposals/pull/3814 */
export const getDehydratedDevice = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  reply: Type.Object({ ...Id.properties, device_data: JsonBody }),
  summary: 'Gets the dehydrated device.',
  spec,
  async handle(ctx, _received, { userId }) {
    const { deviceId, data } = await findDehydratedDevice(ctx, userId)
    return { device_id: deviceId, device_data: JSON.parse(data) as JsonObject }
  },
})

/** https://github.com/matrix-org/matrix-spec-proposals/pull/3814 */
export const deleteDehydrated = endpoint({
  method: 'DELETE',
  path,
  auth: 'user',
  limit: 'keys',
  reply: Id,
  summary: 'Ends the dehydrated device.',
  spec,
  async handle(ctx, _received, { userId }) {
    return { device_id: await deleteDehydratedDevice(ctx, userId) }
  },
})

/** https://github.com/matrix-org/matrix-spec-proposals/pull/3814, the present draft */
export const getDehydratedEvents = endpoint({
  method: 'GET',
  path: `${path}/:deviceId/events`,
  auth: 'user',
  params: InDevice,
  query: Type.Object({ from: Type.Optional(Type.String()), limit: Type.Optional(Type.Integer()) }),
  reply: Type.Object({ events: Type.Array(Event), next_batch: Type.Optional(Type.String()) }),
  summary: 'Lists messages that came for the dehydrated device.',
  spec,
  async handle(ctx, { params, query }, { userId }) {
    const { events, nextBatch, hasMore } = await listDehydratedMessages(ctx, { userId, ...params }, query)
    return { events, ...(hasMore && { next_batch: nextBatch }) }
  },
})

/** https://github.com/matrix-org/matrix-spec-proposals/pull/3814, as clients released so far use it */
export const postDehydratedEvents = endpoint({
  method: 'POST',
  path: `${path}/:deviceId/events`,
  auth: 'user',
  params: InDevice,
  body: Type.Object({ next_batch: Type.Optional(Type.String()), limit: Type.Optional(Type.Integer()) }),
  reply: Type.Object({ events: Type.Array(Event), next_batch: Type.String() }),
  summary: 'Lists messages that came for the dehydrated device, until there are none.',
  spec,
  async handle(ctx, { params, body }, { userId }) {
    const page = { from: body.next_batch, limit: body.limit }
    const { events, nextBatch } = await listDehydratedMessages(ctx, { userId, ...params }, page)
    return { events, next_batch: nextBatch }
  },
})

export const dehydratedDevice = [
  putDehydratedDevice,
  getDehydratedDevice,
  deleteDehydrated,
  getDehydratedEvents,
  postDehydratedEvents,
]
