import type { ServerName, UserId } from '#protocol/ids.ts'

/** The requester, as the endpoint's `auth` promises it; `http/` does not look inside. */
export type UserRequester = {
  userId: UserId
  /** Absent for an application service that acts without a device. */
  deviceId: string | undefined
  isGuest: boolean
  isAdmin: boolean
  /** Suspended: may read and leave, but not join, send or change what others see. */
  isSuspended: boolean
  /** The application service whose token was used, if one was. */
  appserviceId: string | undefined
}
export type ServerRequester = { serverName: ServerName }
export type AppserviceRequester = { appserviceId: string; userId: UserId }

export type Requesters = {
  none: undefined
  optional: UserRequester | undefined
  user: UserRequester
  guest: UserRequester
  admin: UserRequester
  server: ServerRequester
  appservice: AppserviceRequester
}
export type Auth = keyof Requesters

/** The parts of a request that authenticators read. */
export type Credentials = {
  method: string
  /** Path and query as the client sent them: federation signs exactly this. */
  url: string
  headers: NodeJS.Dict<string | string[]>
  query: URLSearchParams
  ip: string
  /** Parsed JSON body, for federation signatures. */
  body: unknown
}

/** Authenticates each kind of requester; refusals are thrown. */
export type Authenticators<Context> = {
  [A in Exclude<Auth, 'none'>]: (ctx: Context, credentials: Credentials) => Promise<Requesters[A]>
}
