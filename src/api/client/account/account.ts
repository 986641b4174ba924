import { Type } from '@sinclair/typebox'
import { missingParam } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { changePassword } from '#services/accounts/passwords/change-password.ts'
import { confirmInteractively } from '#services/accounts/sessions/confirm-interactively.ts'
import { deactivate } from '#services/accounts/deactivate.ts'
import { checkPassword } from '#services/accounts/passwords/password-rules.ts'
import { UserIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami */
export const getWhoami = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/account/whoami',
  auth: 'guest',
  reply: Type.Object({ user_id: UserIdText, device_id: Type.Optional(Type.String()), is_guest: Type.Boolean() }),
  summary: 'Says whom the access token speaks for.',
  spec: 'client-server-api/#get_matrixclientv3accountwhoami',
  async handle(_ctx, _received, { userId, deviceId, isGuest }) {
    return { user_id: userId, ...(deviceId !== undefined && { device_id: deviceId }), is_guest: isGuest }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword */
export const postPassword = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/account/password',
  auth: 'user',
  limit: 'login',
  body: Type.Object({
    new_password: Type.Optional(Type.String()),
    logout_devices: Type.Optional(Type.Boolean()),
  }),
  reply: Type.Object({}),
  summary: "Changes the user's password.",
  spec: 'client-server-api/#post_matrixclientv3accountpassword',
  async handle(ctx, { body }, requester) {
    if (body.new_password !== undefined) checkPassword(ctx, body.new_password)
    const confirmed = await confirmInteractively(ctx, { requester, endpoint: 'POST /account/password', body })
    const { new_password: password, logout_devices: logOutDevices = true } = confirmed as typeof body
    if (password === undefined) throw missingParam('body.new_password is missing')
    const { userId, deviceId: keptDeviceId } = requester
    await changePassword(ctx, { userId, password, logOutDevices, keptDeviceId })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate */
export const postDeactivate = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/account/deactivate',
  auth: 'user',
  limit: 'login',
  body: Type.Object({ erase: Type.Optional(Type.Boolean()) }),
  reply: Type.Object({ id_server_unbind_result: Type.String() }),
  summary: "Ends the user's account for good.",
  spec: 'client-server-api/#post_matrixclientv3accountdeactivate',
  async handle(ctx, { body }, requester) {
    const confirmed = await confirmInteractively(ctx, { requester, endpoint: 'POST /account/deactivate', body })
    const { erase = false } = confirmed as typeof body
    await deactivate(ctx, { userId: requester.userId, erase })
    return { id_server_unbind_result: 'no-support' }
  },
})

export const account = [getWhoami, postPassword, postDeactivate]
