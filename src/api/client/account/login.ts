import { Type, type Static } from '@sinclair/typebox'
import { forbidden, invalidParam, missingParam, unknown } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { endpoint } from '#http/endpoint.ts'
import type { UserRequester } from '#http/requester.ts'
import { confirmInteractively } from '#services/accounts/sessions/confirm-interactively.ts'
import { createLoginToken } from '#services/accounts/sessions/create-login-token.ts'
import { loginForAppservice, loginWithPassword, loginWithToken } from '#services/accounts/sessions/login.ts'
import { logOut, logOutEverywhere } from '#services/accounts/sessions/log-out.ts'
import type { OpenedSession } from '#services/accounts/sessions/open-session.ts'
import { refresh } from '#services/accounts/sessions/refresh.ts'
import { readWishes, refreshReply, SessionReply, sessionReply, WishesBody } from './session-reply.ts'

const Body = Type.Object({
  type: Type.String(),
  identifier: Type.Optional(Type.Object({ type: Type.String(), user: Type.Optional(Type.Unknown()) })),
  user: Type.Optional(Type.String()),
  medium: Type.Optional(Type.String()),
  address: Type.Optional(Type.String()),
  password: Type.Optional(Type.String()),
  token: Type.Optional(Type.String()),
  ...WishesBody,
})
type Body = Static<typeof Body>

const WellKnown = Type.Object({ 'm.homeserver': Type.Object({ base_url: Type.String() }) })

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3login */
export const getLogin = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/login',
  auth: 'none',
  reply: Type.Object({
    flows: Type.Array(Type.Object({ type: Type.String(), get_login_token: Type.Optional(Type.Boolean()) })),
  }),
  summary: 'Lists the ways to log in.',
  spec: 'client-server-api/#get_matrixclientv3login',
  async handle({ userNamespaces }) {
    return {
      flows: [
        { type: 'm.login.password' },
        { type: 'm.login.token', get_login_token: true },
        ...(userNamespaces.hasAny ? [{ type: 'm.login.application_service' }] : []),
      ],
    }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login */
export const postLogin = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/login',
  auth: 'optional',
  limit: 'login',
  body: Body,
  reply: Type.Object({ ...SessionReply.properties, well_known: Type.Optional(WellKnown) }),
  summary: 'Logs a user in on a device.',
  spec: 'client-server-api/#post_matrixclientv3login',
  async handle(ctx, { body }, requester) {
    const { server_name: serverName, public_base_url: baseUrl } = ctx.config
    const session = await logIn(ctx, body, requester)
    const wellKnown = baseUrl === undefined ? {} : { well_known: { 'm.homeserver': { base_url: baseUrl } } }
    return { ...sessionReply(session, serverName), ...wellKnown }
  },
})

async function logIn(ctx: Context, body: Body, requester: UserRequester | undefined): Promise<OpenedSession> {
  const wishes = readWishes(body)
  switch (body.type) {
    case 'm.login.password':
      if (body.password === undefined) throw missingParam('body.password is missing')
      return loginWithPassword(ctx, { user: namedUser(body), password: body.password, wishes })
    case 'm.login.token':
      if (body.token === undefined) throw missingParam('body.token is missing')
      return loginWithToken(ctx, { token: body.token, wishes })
    case 'm.login.application_service':
      if (requester?.appserviceId === undefined) throw forbidden('Only application services log in this way')
      return loginForAppservice(ctx, { appserviceId: requester.appserviceId, user: namedUser(body), wishes })
    default:
      throw unknown('The login type is not supported')
  }
}

/** Accounts have no third-party identifiers here, so none can be known. */
function namedUser({ identifier, user, medium, address }: Body): string {
  const isThirdParty = ['m.id.thirdparty', 'm.id.phone'].includes(identifier?.type ?? '')
  if (isThirdParty || (!identifier && medium !== undefined && address !== undefined))
    throw forbidden('Wrong user name or password')
  if (identifier && identifier.type !== 'm.id.user') throw unknown('The identifier type is not supported')
  const named = identifier ? identifier.user : user
  if (named === undefined) throw missingParam('The user is missing')
  if (typeof named !== 'string') throw invalidParam('The user is no string')
  return named
}

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv1loginget_token */
export const postGetToken = endpoint({
  method: 'POST',
  path: '/_matrix/client/v1/login/get_token',
  auth: 'user',
  limit: 'login',
  body: Type.Object({}),
  reply: Type.Object({ login_token: Type.String(), expires_in_ms: Type.Integer() }),
  summary: 'Makes a token with which another client can log in once.',
  spec: 'client-server-api/#post_matrixclientv1loginget_token',
  async handle(ctx, { body }, requester) {
    await confirmInteractively(ctx, { requester, endpoint: 'POST /login/get_token', body })
    const { loginToken, expiresInMs } = await createLoginToken(ctx, requester.userId)
    return { login_token: loginToken, expires_in_ms: expiresInMs }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh */
export const postRefresh = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/refresh',
  auth: 'none',
  body: Type.Object({ refresh_token: Type.String() }),
  reply: Type.Object({
    access_token: Type.String(),
    refresh_token: Type.Optional(Type.String()),
    expires_in_ms: Type.Optional(Type.Integer()),
  }),
  summary: 'Trades a refresh token for new tokens.',
  spec: 'client-server-api/#post_matrixclientv3refresh',
  async handle(ctx, { body }) {
    const issued = await refresh(ctx, body.refresh_token)
    return { access_token: issued.accessToken, ...refreshReply(issued) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout */
export const postLogout = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/logout',
  auth: 'user',
  reply: Type.Object({}),
  summary: 'Ends the access token and its device.',
  spec: 'client-server-api/#post_matrixclientv3logout',
  async handle(ctx, _received, requester) {
    await logOut(ctx, requester)
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall */
export const postLogoutAll = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/logout/all',
  auth: 'user',
  reply: Type.Object({}),
  summary: 'Ends all access tokens and devices of the user.',
  spec: 'client-server-api/#post_matrixclientv3logoutall',
  async handle(ctx, _received, requester) {
    await logOutEverywhere(ctx, requester.userId)
    return {}
  },
})

export const login = [getLogin, postLogin, postGetToken, postRefresh, postLogout, postLogoutAll]
