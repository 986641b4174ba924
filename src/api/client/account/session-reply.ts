import { Type, type Static } from '@sinclair/typebox'
import type { OpenedSession } from '#services/accounts/sessions/open-session.ts'
import { UserIdText } from '#api/ids.ts'

export const SessionReply = Type.Object({
  user_id: UserIdText,
  access_token: Type.String(),
  device_id: Type.String(),
  home_server: Type.String(),
  refresh_token: Type.Optional(Type.String()),
  expires_in_ms: Type.Optional(Type.Integer()),
})

/** A new session as clients read it after login and registration. */
export const sessionReply = (session: OpenedSession, serverName: string): Static<typeof SessionReply> => ({
  user_id: session.userId,
  access_token: session.accessToken,
  device_id: session.deviceId,
  home_server: serverName,
  ...refreshReply(session),
})

/** The refresh token and lifetime of an access token that expires. */
export const refreshReply = ({ refreshToken, expiresInMs }: Pick<OpenedSession, 'refreshToken' | 'expiresInMs'>) => ({
  ...(refreshToken !== undefined && { refresh_token: refreshToken }),
  ...(expiresInMs !== undefined && { expires_in_ms: expiresInMs }),
})

/** What login and registration read of the options of a session. */
export const SessionOptionsBody = {
  device_id: Type.Optional(Type.String()),
  initial_device_display_name: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  refresh_token: Type.Optional(Type.Boolean()),
}

type SessionOptionsJson = { device_id?: string; initial_device_display_name?: string | null; refresh_token?: boolean }

export const readSessionOptions = (body: SessionOptionsJson) => ({
  deviceId: body.device_id,
  displayName: body.initial_device_display_name ?? undefined,
  refreshable: body.refresh_token ?? false,
})
