import type { Clock } from '#base/clock.ts'
import type { Log } from '#base/log.ts'
import { signingKeyIds, verifyJson } from '#protocol/events/signatures.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import { maxAnswerBytes, readPublishedKeys, type PublishedKeys } from './published-keys.ts'
import { askServer, type RemoteNeeds, type RemoteRequest } from './remote-client.ts'
import { RemoteError } from './remote-error.ts'
import type { FindKey } from './server-key.ts'

type Needs = RemoteNeeds & { clock: Clock; log: Log }

/** Urgent, because the one who signs with an unknown key may be the server itself, which is thereby alive; the key ring keeps its own pauses. */
const limits = { isUnsigned: true, isUrgent: true, timeoutMs: 10_000 } as const

/** Asks a server for its own keys; undefined where it answers nothing of use. */
export async function askOwner(ctx: Needs, server: ServerName): Promise<PublishedKeys | undefined> {
  const path = ['_matrix', 'key', 'v2', 'server']
  const answer = await ask(ctx, { destination: server, method: 'GET', path, maxBytes: maxAnswerBytes, ...limits })
  const published = answer && readPublishedKeys(answer, ctx.clock.now())
  return published?.server === server ? published : undefined
}

export type NotaryQuestion = { notary: ServerName; server: ServerName; keyId: string; findKey: FindKey }

/** Asks another server what it knows of a server's keys; only answers that both of them signed count. */
export async function askNotary(
  ctx: Needs,
  { notary, server, keyId, findKey }: NotaryQuestion,
): Promise<PublishedKeys[]> {
  const answer = await ask(ctx, {
    destination: notary,
    method: 'POST',
    path: ['_matrix', 'key', 'v2', 'query'],
    content: { server_keys: { [server]: { [keyId]: { minimum_valid_until_ts: ctx.clock.now() } } } },
    maxBytes: 16 * maxAnswerBytes,
    ...limits,
  })
  const found: PublishedKeys[] = []
  for (const one of Array.isArray(answer?.server_keys) ? answer.server_keys.slice(0, 16) : []) {
    const published = readPublishedKeys(one, ctx.clock.now())
    if (published?.server === server && isObject(one) && (await isSignedBy(one, notary, findKey))) found.push(published)
  }
  return found
}

async function isSignedBy(answer: JsonObject, notary: ServerName, findKey: FindKey): Promise<boolean> {
  for (const keyId of signingKeyIds(answer, notary).slice(0, 5)) {
    const key = await findKey(notary, keyId)
    if (key && key.expiredAt === undefined && verifyJson(answer, key)) return true
  }
  return false
}

async function ask(ctx: Needs, request: RemoteRequest): Promise<JsonObject | undefined> {
  try {
    return await askServer(ctx, request)
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error
    ctx.log.debug('keys could not be had', { destination: request.destination, error })
    return undefined
  }
}
