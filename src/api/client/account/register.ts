import { Type, type Static } from '@sinclair/typebox'
import { forbidden } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import { addressKey } from '#http/rate-limit.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { newUserId } from '#services/accounts/registration/new-user-id.ts'
import { register, registerForAppservice, registrationFlows } from '#services/accounts/registration/register.ts'
import { findRegistrationToken } from '#services/accounts/registration/registration-token.ts'
import { readSessionOptions, SessionReply, sessionReply, SessionOptionsBody } from './session-reply.ts'
import { UserIdText } from '#api/ids.ts'

const Body = Type.Object({
  type: Type.Optional(Type.String()),
  // Unrestricted here: malformed names have an error code of their own.
  username: Type.Optional(Type.String({ pattern: '' })),
  password: Type.Optional(Type.String()),
  inhibit_login: Type.Optional(Type.Boolean()),
  ...SessionOptionsBody,
})

const readRegistration = (body: Static<typeof Body>) => ({
  username: body.username,
  password: body.password,
  inhibitLogin: body.inhibit_login ?? false,
  ...readSessionOptions(body),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3register */
export const postRegister = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/register',
  auth: 'optional',
  limit: 'register',
  query: Type.Object({ kind: Type.Optional(Type.Union([Type.Literal('user'), Type.Literal('guest')])) }),
  body: Body,
  reply: Type.Object({ ...Type.Partial(SessionReply).properties, user_id: UserIdText }),
  summary: 'Makes an account, and logs its owner in unless `inhibit_login` is set.',
  spec: 'client-server-api/#post_matrixclientv3register',
  async handle(ctx, { query, body, ip }, requester) {
    if (query.kind === 'guest') throw forbidden('Guests are not admitted')
    const appserviceId = body.type === 'm.login.application_service' ? (requester?.appserviceId ?? '') : undefined
    if (appserviceId === '') throw forbidden('Only application services register this way')
    const { userId, session } =
      appserviceId === undefined
        ? await register(ctx, {
            body: body as JsonObject,
            read: (request) => readRegistration(request as typeof body),
            address: addressKey(ip),
          })
        : await registerForAppservice(ctx, { appserviceId, wanted: readRegistration(body) })
    const { server_name: serverName } = ctx.config
    return session ? sessionReply(session, serverName) : { user_id: userId, home_server: serverName }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3registeravailable */
export const getAvailable = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/register/available',
  auth: 'none',
  query: Type.Object({ username: Type.String() }),
  reply: Type.Object({ available: Type.Boolean() }),
  summary: 'Says whether a user name could be registered.',
  spec: 'client-server-api/#get_matrixclientv3registeravailable',
  async handle(ctx, { query }) {
    await registrationFlows(ctx)
    await newUserId(ctx, query.username)
    return { available: true }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity */
export const getTokenValidity = endpoint({
  method: 'GET',
  path: '/_matrix/client/v1/register/m.login.registration_token/validity',
  auth: 'none',
  limit: 'register',
  query: Type.Object({ token: Type.String() }),
  reply: Type.Object({ valid: Type.Boolean() }),
  summary: 'Says whether a registration token could be used.',
  spec: 'client-server-api/#get_matrixclientv1registermloginregistration_tokenvalidity',
  async handle(ctx, { query }) {
    await registrationFlows(ctx)
    return { valid: (await findRegistrationToken(ctx, query.token)) !== undefined }
  },
})

export const registration = [postRegister, getAvailable, getTokenValidity]
