import type { Clock } from '#base/clock.ts'
import type { Config } from '#base/config/schema.ts'
import type { Log } from '#base/log.ts'
import type { Metrics } from '#base/metrics.ts'
import type { RateBuckets } from '#base/rate-bucket.ts'
import type { Tokens } from '#base/tokens.ts'
import type { Waiters } from '#base/waiters.ts'
import type { Bus } from './bus/bus.ts'
import type { SigningKey } from '#protocol/signing-key.ts'
import type { Store } from '#store/open.ts'

/** The effects a request may have. Logic is never in here: services are imported. */
export type Context = {
  config: Config
  store: Store
  bus: Bus
  clock: Clock
  tokens: Tokens
  log: Log
  metrics: Metrics
  signingKey: SigningKey
  rateBuckets: RateBuckets
  /** Long polls, keyed by user id. */
  waiters: Waiters
}
