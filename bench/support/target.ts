import { createHmac, randomUUID } from 'node:crypto'
import { HttpClient } from './http-client.ts'
import { User } from './user.ts'
import type { UserId } from '#protocol/ids.ts'

/** A homeserver under test. */
export type Target = {
  url: string
  http: HttpClient
  /** A new account; through the shared secret where one is given, else one of the tokens given, else open registration. */
  newUser(): Promise<User>
} & Inside

/** What can be seen of a server that runs on this machine. */
export type Inside = {
  /** The process: for its memory and processor time. */
  pid?: number | undefined
  /** Where Prometheus would read its event-loop delay; our own server alone. */
  metricsUrl?: string | undefined
  /** sqlite:PATH or postgres://…: for what it spends the disk on. */
  database?: string | undefined
}

export type Access = { secret?: string | undefined; tokens?: string[] | undefined }

export function targetAt(url: string, { secret, tokens }: Access, inside: Inside = {}): Target {
  const http = new HttpClient(url)
  const unused = [...(tokens ?? [])]
  const newUser = async (): Promise<User> => {
    const token = unused.shift()
    if (token !== undefined) return userOfToken(http, token)
    return secret === undefined ? registerOpenly(http) : registerWithSecret(http, secret)
  }
  return { url, http, newUser, ...inside }
}

async function userOfToken(http: HttpClient, token: string): Promise<User> {
  const { body } = await http.ask({ method: 'GET', path: '/_matrix/client/v3/account/whoami', token })
  return new User(http, { userId: body['user_id'] as UserId, token })
}

async function registerOpenly(http: HttpClient): Promise<User> {
  const body = { username: newName(), password: randomUUID(), auth: { type: 'm.login.dummy' } }
  return userOf(http, await http.ask({ method: 'POST', path: '/_matrix/client/v3/register', body }))
}

async function registerWithSecret(http: HttpClient, secret: string): Promise<User> {
  const path = '/_synapse/admin/v1/register'
  const { body } = await http.ask({ method: 'GET', path })
  const account = { nonce: body['nonce'] as string, username: newName(), password: randomUUID() }
  const signed = [account.nonce, account.username, account.password, 'notadmin'].join('\0')
  const mac = createHmac('sha1', secret).update(signed).digest('hex')
  return userOf(http, await http.ask({ method: 'POST', path, body: { ...account, admin: false, mac } }))
}

const newName = (): string => `bench-${randomUUID().slice(0, 13)}`

function userOf(http: HttpClient, { status, body }: { status: number; body: Record<string, unknown> }): User {
  if (status !== 200) throw new Error(`Registration failed: ${status} ${JSON.stringify(body)}`)
  return new User(http, { userId: body['user_id'] as UserId, token: body['access_token'] as string })
}
