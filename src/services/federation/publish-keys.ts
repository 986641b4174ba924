import { invalidParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { signJson } from '#protocol/events/signatures.ts'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import { encodePublicKey, type SigningKey } from '#protocol/events/signing-key.ts'
import { isValidServerName, type ServerName } from '#protocol/ids.ts'

type Needs = Pick<Context, 'config' | 'clock' | 'signingKey' | 'store' | 'keyRing' | 'rateBuckets'>

const day = 86_400_000
/** Servers whose keys one request may ask for. */
const maxServers = 100
/** Of these, servers that are asked because we do not know them. */
const maxFetched = 10

/** Our keys, signed. https://spec.matrix.org/v1.19/server-server-api/#get_matrixkeyv2server */
export function ownKeyAnswer({ config, clock, signingKey }: Pick<Needs, 'config' | 'clock' | 'signingKey'>): string {
  const old = config.federation.old_keys.map(({ key_id: keyId, public_key: key, expired_at: expiredAt }) => [
    keyId,
    { key, expired_ts: expiredAt },
  ])
  const answer: JsonObject = {
    server_name: config.server_name,
    valid_until_ts: clock.now() + day,
    verify_keys: { [signingKey.keyId]: { key: encodePublicKey(signingKey.publicKey) } },
    old_verify_keys: Object.fromEntries(old) as JsonObject,
  }
  return signedText(answer, signingKey)
}

/** Canonical, so that who verifies a signature need not read and write the JSON anew. */
const signedText = (answer: JsonObject, key: SigningKey): string => canonicalJson(signJson(answer, key), 'lenient')

export type WantedKeys = Readonly<Record<ServerName, { minimumValidUntil: number | undefined }>>

/**
 * What we know of the keys of servers, in answers that they and we signed. Unknown ones are asked, a few a request and
 * within the rate limit of the address: the one who asks chooses whom we ask.
 */
export async function answerKeyQuery(ctx: Needs, wanted: WantedKeys, ip: string): Promise<string> {
  const servers = Object.keys(wanted)
  if (servers.length > maxServers) throw invalidParam(`More than ${maxServers} servers`)
  for (const server of servers) if (!isValidServerName(server)) throw invalidParam(`${server} is no server name`)
  const others = servers.filter((server) => server !== ctx.config.server_name)
  await fetchMissing(ctx, { wanted, others, ip })
  const answers = await ctx.store.federation.serverKeys.findAnswers(others)
  const texts = answers.map(({ answer }) => signedText(JSON.parse(answer) as JsonObject, ctx.signingKey))
  if (servers.length > others.length) texts.push(ownKeyAnswer(ctx))
  return `{"server_keys":[${texts.join(',')}]}`
}

type Missing = { wanted: WantedKeys; others: readonly ServerName[]; ip: string }

async function fetchMissing(ctx: Needs, { wanted, others, ip }: Missing): Promise<void> {
  const known = new Map(
    (await ctx.store.federation.serverKeys.findAnswers(others)).map(({ serverName, validUntil }) => [
      serverName,
      validUntil,
    ]),
  )
  const isStale = (server: ServerName) => {
    const validUntil = known.get(server)
    return validUntil === undefined || validUntil < Math.min(wanted[server]?.minimumValidUntil ?? 0, ctx.clock.now())
  }
  const stale = others.filter(isStale).slice(0, maxFetched)
  if (stale.length === 0) return
  ctx.rateBuckets.spend('key_query', ip)
  // No key has this id: the ring asks the server for all of them.
  await Promise.all(stale.map((server) => ctx.keyRing.find(server, 'ed25519:')))
}
