import assert from 'node:assert/strict'
import type { UserId } from '#protocol/ids.ts'
/** JSON as the server said it: tests say what it should be. */
type Json = ReturnType<typeof JSON.parse>

export type TestReply = { status: number; body: Json; headers: Headers }

export type RequestOptions = { headers?: Record<string, string>; signal?: AbortSignal }

/** Speaks to a server as any client would. */
export type TestClient = {
  /** Objects are sent as JSON, texts and buffers as they are. Answers that are no JSON come as text. */
  request(method: string, path: string, body?: unknown, options?: RequestOptions): Promise<TestReply>
}

export type TestUser = TestClient & { userId: UserId; deviceId: string; accessToken: string }

/** A client with or without an access token. */
export function testClient(url: string, accessToken?: string): TestClient {
  return {
    async request(method, path, body, { headers, signal } = {}) {
      const reply = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          ...(accessToken !== undefined && { authorization: `Bearer ${accessToken}` }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: payload(body) }),
        ...(signal && { signal }),
      })
      return { status: reply.status, body: parsed(await reply.text()), headers: reply.headers }
    },
  }
}

const payload = (body: unknown): string | Uint8Array<ArrayBuffer> =>
  typeof body === 'string' || body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body)

function parsed(text: string): Json {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The body of a reply that must be a success. */
export function accepted({ status, body }: TestReply): TestReply['body'] {
  assert.equal(status, 200, JSON.stringify(body))
  return body
}

/** Asserts a refusal by status and code. */
export function refused({ status, body }: TestReply, expected: number, errcode: string): void {
  assert.deepEqual({ status, errcode: body.errcode }, { status: expected, errcode })
}

export const testPassword = 'correct horse battery staple'

/** Registers an account and answers its client; throws when the server refuses. */
export async function registerUser(url: string, username: string): Promise<TestUser> {
  const reply = await testClient(url).request('POST', '/_matrix/client/v3/register', {
    username,
    password: testPassword,
    auth: { type: 'm.login.dummy' },
  })
  return userOf(url, reply)
}

/** Logs an account in on a new device. */
export async function loginUser(url: string, username: string): Promise<TestUser> {
  const reply = await testClient(url).request('POST', '/_matrix/client/v3/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: username },
    password: testPassword,
  })
  return userOf(url, reply)
}

function userOf(url: string, reply: TestReply): TestUser {
  const { user_id: userId, device_id: deviceId, access_token: accessToken } = accepted(reply)
  return { ...testClient(url, accessToken), userId, deviceId, accessToken }
}
