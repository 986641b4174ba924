import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import {
  createRegistrationNonce,
  registerWithSecret,
} from '#services/accounts/registration/shared-secret-registration.ts'
import { UserIdText } from '#api/ids.ts'

const path = '/_synapse/admin/v1/register'

export const getNonce = endpoint({
  method: 'GET',
  path,
  auth: 'none',
  limit: 'register',
  reply: Type.Object({ nonce: Type.String() }),
  summary: 'Makes the nonce of a registration with the shared secret.',
  spec: 'docs/admin-api.md#registration-with-the-shared-secret',
  async handle(ctx) {
    return { nonce: await createRegistrationNonce(ctx) }
  },
})

export const postSecretRegistration = endpoint({
  method: 'POST',
  path,
  auth: 'none',
  limit: 'register',
  body: Type.Object({
    nonce: Type.String(),
    username: Type.String(),
    password: Type.String(),
    admin: Type.Optional(Type.Boolean()),
    user_type: Type.Optional(Type.Union([Type.String({ maxLength: 64 }), Type.Null()])),
    mac: Type.String(),
  }),
  reply: Type.Object({
    user_id: UserIdText,
    home_server: Type.String(),
    access_token: Type.String(),
    device_id: Type.String(),
  }),
  summary: 'Makes an account, of an administrator too, for scripts that know the shared secret.',
  spec: 'docs/admin-api.md#registration-with-the-shared-secret',
  async handle(ctx, { body: { admin = false, user_type: userType, ...rest } }) {
    const session = await registerWithSecret(ctx, { ...rest, admin, userType: userType ?? undefined })
    return {
      user_id: session.userId,
      home_server: ctx.config.server_name,
      access_token: session.accessToken,
      device_id: session.deviceId,
    }
  },
})

export const secretRegistration = [getNonce, postSecretRegistration]
