import { Type } from '@sinclair/typebox'
import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { endpoint } from '#http/endpoint.ts'
import { confirmInteractively } from '#services/accounts/sessions/confirm-interactively.ts'
import { deleteDevices } from '#services/accounts/sessions/delete-devices.ts'
import { putDevice as putDeviceOf } from '#services/accounts/sessions/put-device.ts'

const path = '/_matrix/client/v3/devices/:deviceId'
const Params = Type.Object({ deviceId: Type.String() })
const Device = Type.Object({
  device_id: Type.String(),
  display_name: Type.Optional(Type.String()),
  last_seen_ip: Type.Optional(Type.String()),
  last_seen_ts: Type.Optional(Type.Integer()),
})

type Stored = Awaited<ReturnType<Context['store']['accounts']['devices']['list']>>[number]

const deviceReply = ({ deviceId, displayName, lastSeenIp, lastSeenAt }: Stored) => ({
  device_id: deviceId,
  ...(displayName !== undefined && { display_name: displayName }),
  ...(lastSeenIp !== undefined && { last_seen_ip: lastSeenIp }),
  ...(lastSeenAt !== undefined && { last_seen_ts: lastSeenAt }),
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devices */
export const getDevices = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/devices',
  auth: 'user',
  reply: Type.Object({ devices: Type.Array(Device) }),
  summary: "Lists the user's devices.",
  spec: 'client-server-api/#get_matrixclientv3devices',
  async handle(ctx, _received, requester) {
    return { devices: (await ctx.store.accounts.devices.list(requester.userId)).map(deviceReply) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3devicesdeviceid */
export const getDevice = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  params: Params,
  reply: Device,
  summary: "Shows one of the user's devices.",
  spec: 'client-server-api/#get_matrixclientv3devicesdeviceid',
  async handle(ctx, { params }, requester) {
    const device = await ctx.store.accounts.devices.find(requester.userId, params.deviceId)
    if (device === undefined) throw notFound('There is no such device')
    return deviceReply(device)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3devicesdeviceid */
export const putDevice = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  params: Params,
  body: Type.Object({ display_name: Type.Optional(Type.Union([Type.String(), Type.Null()])) }),
  reply: Type.Object({}),
  summary: "Renames one of the user's devices; application services make devices by this.",
  spec: 'client-server-api/#put_matrixclientv3devicesdeviceid',
  async handle(ctx, { params, body }, requester) {
    const displayName = body.display_name ?? undefined
    await putDeviceOf(ctx, { requester, deviceId: params.deviceId, displayName })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3devicesdeviceid */
export const deleteDevice = endpoint({
  method: 'DELETE',
  path,
  auth: 'user',
  params: Params,
  body: Type.Object({}),
  reply: Type.Object({}),
  summary: "Ends one of the user's devices.",
  spec: 'client-server-api/#delete_matrixclientv3devicesdeviceid',
  async handle(ctx, { params: { deviceId }, body }, requester) {
    const name = `DELETE /devices/${encodeURIComponent(deviceId)}`
    await confirmInteractively(ctx, { requester, endpoint: name, body })
    await deleteDevices(ctx, { userId: requester.userId, deviceIds: [deviceId] })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3delete_devices */
export const postDeleteDevices = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/delete_devices',
  auth: 'user',
  maxBody: 'medium',
  body: Type.Object({ devices: Type.Optional(Type.Array(Type.String(), { maxItems: 5000 })) }),
  reply: Type.Object({}),
  summary: "Ends several of the user's devices.",
  spec: 'client-server-api/#post_matrixclientv3delete_devices',
  async handle(ctx, { body }, requester) {
    const confirmed = await confirmInteractively(ctx, { requester, endpoint: 'POST /delete_devices', body })
    const { devices: deviceIds = [] } = confirmed as typeof body
    await deleteDevices(ctx, { userId: requester.userId, deviceIds })
    return {}
  },
})

export const devices = [getDevices, getDevice, putDevice, deleteDevice, postDeleteDevices]
