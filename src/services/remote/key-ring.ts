import type { Cache, CacheBudget } from '#base/cache.ts'
import type { Clock } from '#base/clock.ts'
import { LoadingCache } from '#base/loading-cache.ts'
import type { Log } from '#base/log.ts'
import { recentMap } from '#base/recent-map.ts'
import { decodePublicKey } from '#protocol/events/signing-key.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { StoredServerKey } from '#store/federation/server-keys.ts'
import type { Store } from '#store/open.ts'
import { askNotary, askOwner } from './ask-for-keys.ts'
import type { PublishedKeys } from './published-keys.ts'
import type { RemoteNeeds } from './remote-client.ts'
import type { FindKey, ServerKey } from './server-key.ts'

type Needs = RemoteNeeds & { store: Store; clock: Clock; caches: CacheBudget; log: Log }
type Keys = ReadonlyMap<string, ServerKey>
type Attempt = { at: number; failures: number }

const minute = 60_000
/** A server that does not answer, or lacks the key, is asked again after a minute, and then ever less often. */
const maxPause = 60 * minute
/** The least recently tried servers beyond are forgotten, and may be asked again at once. */
const maxAttempts = 10_000
const keyBytes = 500

/** The signing keys of servers: ours, those stored, and those that can be fetched. */
export class KeyRing {
  readonly #ctx: Needs
  readonly #own: Keys
  readonly #known: LoadingCache<ServerName, Keys>
  readonly #attempts = recentMap<ServerName, Attempt>(maxAttempts)
  readonly #fetching = new Map<ServerName, Promise<void>>()

  constructor(ctx: Needs) {
    this.#ctx = ctx
    this.#own = ownKeys(ctx)
    const cache: Cache<ServerName, Keys> = ctx.caches.cache({
      name: 'server_keys',
      share: 5,
      weigh: ({ size }) => size * keyBytes,
    })
    this.#known = new LoadingCache(cache, async (server) => {
      const stored = await ctx.store.federation.serverKeys.list(server)
      return new Map(stored.flatMap((key) => toServerKey(server, key)))
    })
  }

  /** A key past its validity is answered where its server cannot be asked: the caller compares `validUntil`. */
  readonly find: FindKey = async (server, keyId) => {
    if (server === this.#ctx.config.server_name) return this.#own.get(keyId)
    const known = (await this.#known.get(server)).get(keyId)
    if (known && (known.expiredAt !== undefined || known.validUntil > this.#ctx.clock.now())) return known
    if (!this.#mayAsk(server)) return known
    await this.#fetchOnce(server, keyId)
    return (await this.#known.get(server)).get(keyId)
  }

  #mayAsk(server: ServerName): boolean {
    const last = this.#attempts.get(server)
    if (!last || this.#fetching.has(server)) return true
    return this.#ctx.clock.now() >= last.at + Math.min(maxPause, minute * 2 ** last.failures)
  }

  #fetchOnce(server: ServerName, keyId: string): Promise<void> {
    const running = this.#fetching.get(server)
    if (running) return running
    const fetching = this.#fetch(server, keyId).finally(() => this.#fetching.delete(server))
    this.#fetching.set(server, fetching)
    return fetching
  }

  async #fetch(server: ServerName, keyId: string): Promise<void> {
    const { clock, config } = this.#ctx
    const failures = (this.#attempts.get(server)?.failures ?? -1) + 1
    this.#attempts.set(server, { at: clock.now(), failures })
    const own = await askOwner(this.#ctx, server)
    if (own) await this.#take(own, 'owner')
    let isFound = own?.keys.some((key) => key.keyId === keyId) ?? false
    for (const notary of config.federation.key_servers) {
      if (isFound || notary === server || notary === config.server_name) continue
      const answers = await askNotary(this.#ctx, { notary, server, keyId, findKey: this.find })
      for (const answer of answers) await this.#take(answer, 'notary')
      isFound = answers.some(({ keys }) => keys.some((key) => key.keyId === keyId))
    }
    if (isFound) this.#attempts.set(server, { at: clock.now(), failures: 0 })
  }

  /** Stores what was published. A key id keeps the bytes under which it was seen first. */
  async #take({ server, validUntil, keys, text }: PublishedKeys, from: 'owner' | 'notary'): Promise<void> {
    const { store, clock, log } = this.#ctx
    const known = await this.#known.get(server)
    const taken: StoredServerKey[] = []
    for (const key of keys) {
      const before = known.get(key.keyId)
      const publicKey = decodePublicKey(key.publicKey)
      if (before && publicKey && !before.publicKey.equals(publicKey))
        log.warn('a server published another key under an id that it used before', { server, key_id: key.keyId })
      // What a notary remembers may be older than what we know.
      else
        taken.push(
          from === 'owner' || !before ? key : { ...key, validUntil: Math.max(key.validUntil, before.validUntil) },
        )
    }
    await store.transaction(async (tx) => {
      await tx.federation.serverKeys.save(server, taken)
      const answer = { serverName: server, answer: text, validUntil, fetchedAt: clock.now() }
      const [newest] = await tx.federation.serverKeys.findAnswers([server])
      if (!newest || newest.validUntil <= validUntil) await tx.federation.serverKeys.saveAnswer(answer)
    })
    this.#known.forget(server)
  }
}

function ownKeys({ config, signingKey }: Needs): Keys {
  const own = new Map<string, ServerKey>([[signingKey.keyId, { ...signingKey, validUntil: Infinity }]])
  for (const { key_id: keyId, public_key: text, expired_at: expiredAt } of config.federation.old_keys) {
    const publicKey = decodePublicKey(text)
    if (!publicKey) throw new Error(`federation.old_keys: ${keyId} is no ed25519 public key`)
    own.set(keyId, { serverName: config.server_name, keyId, publicKey, validUntil: expiredAt, expiredAt })
  }
  return own
}

function toServerKey(
  serverName: ServerName,
  { keyId, publicKey: text, validUntil, expiredAt }: StoredServerKey,
): [string, ServerKey][] {
  const publicKey = decodePublicKey(text)
  if (!publicKey) return []
  const key = { serverName, keyId, publicKey, validUntil }
  return [[keyId, expiredAt === undefined ? key : { ...key, expiredAt }]]
}
