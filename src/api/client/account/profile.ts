import { Type } from '@sinclair/typebox'
import { missingParam, notFound } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import type { Context } from '#context.ts'
import { isValidUserId, serverOf, type UserId } from '#protocol/ids.ts'
import { askProfile } from '#services/remote/remote-profile.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { deleteProfileField, findProfile, setProfileField } from '#services/accounts/profile/profile.ts'
import { checkFieldName } from '#services/accounts/profile/profile-field.ts'
import { UserIdText } from '#api/ids.ts'

const path = '/_matrix/client/v3/profile/:userId/:keyName'
const Params = Type.Object({ userId: UserIdText, keyName: Type.String() })
const Fields = Type.Object({}, { additionalProperties: true })

/** Whether another server is asked. */
const isElsewhere = (ctx: Context, userId: UserId): boolean =>
  isValidUserId(userId) && serverOf(userId) !== ctx.config.server_name

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid */
export const getProfile = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/profile/:userId',
  auth: 'none',
  limit: 'default',
  params: Type.Object({ userId: UserIdText }),
  reply: Fields,
  summary: "Shows a user's whole profile.",
  spec: 'client-server-api/#get_matrixclientv3profileuserid',
  async handle(ctx, { params }) {
    return isElsewhere(ctx, params.userId) ? askProfile(ctx, params.userId) : findProfile(ctx, params.userId)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuseridkeyname */
export const getProfileField = endpoint({
  method: 'GET',
  path,
  auth: 'none',
  limit: 'default',
  params: Params,
  reply: Fields,
  summary: "Shows one field of a user's profile.",
  spec: 'client-server-api/#get_matrixclientv3profileuseridkeyname',
  async handle(ctx, { params: { userId, keyName } }) {
    checkFieldName(keyName)
    const isRemote = isElsewhere(ctx, userId)
    const profile = isRemote ? await askProfile(ctx, userId, keyName) : await findProfile(ctx, userId)
    if (!Object.hasOwn(profile, keyName)) throw notFound('The profile has no such field')
    return { [keyName]: profile[keyName] }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname */
export const putProfileField = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  maxBody: 'event',
  params: Params,
  body: Fields,
  reply: Type.Object({}),
  summary: "Sets one field of the user's profile.",
  spec: 'client-server-api/#put_matrixclientv3profileuseridkeyname',
  async handle(ctx, { params: { userId, keyName: name }, body }, requester) {
    checkFieldName(name)
    const value = (body as JsonObject)[name]
    if (value === undefined) throw missingParam('The body lacks the profile key')
    await setProfileField(ctx, requester, { userId, name, value })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname */
export const removeProfileField = endpoint({
  method: 'DELETE',
  path,
  auth: 'user',
  params: Params,
  reply: Type.Object({}),
  summary: "Removes one field of the user's profile.",
  spec: 'client-server-api/#delete_matrixclientv3profileuseridkeyname',
  async handle(ctx, { params: { userId, keyName: name } }, requester) {
    await deleteProfileField(ctx, requester, { userId, name })
    return {}
  },
})

export const profile = [getProfile, getProfileField, putProfileField, removeProfileField]
