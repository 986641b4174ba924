import type { CacheBudget } from '#base/cache.ts'
import { LoadingCache } from '#base/loading-cache.ts'
import { compileRuleset, type CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { fullRuleset } from '#protocol/push/push-rules.ts'
import { findPushRules } from '#services/accounts/data/stored-push-rules.ts'
import type { Store } from '#store/open.ts'
import type { UserId } from '#protocol/ids.ts'

/** Bytes of a compiled rule besides its texts, which the outcome keeps. */
const ruleBytes = 400

/** Recently used push rules, compiled. */
export class PushRulesets {
  readonly #rulesets: LoadingCache<UserId, CompiledRuleset>

  constructor(store: Store, caches: CacheBudget) {
    const cache = caches.cache<UserId, CompiledRuleset>({ name: 'push_rules', share: 5, weigh: weightOf })
    this.#rulesets = new LoadingCache(cache, async (userId) =>
      compileRuleset(fullRuleset(await findPushRules(store, userId), userId), userId),
    )
  }

  /** The same object as long as the rules have not changed. */
  get(userId: UserId): Promise<CompiledRuleset> {
    return this.#rulesets.get(userId)
  }

  /** Also invalidates a read in progress, which may have begun before the change. */
  forget(userId: UserId): void {
    this.#rulesets.forget(userId)
  }
}

const weightOf = ({ rules }: CompiledRuleset): number =>
  rules.reduce((sum, { conditions, outcome }) => sum + ruleBytes * (1 + conditions.length) + textBytes(outcome), 0)

/** A condition holds about as much text as the names and actions of its rule, and a pattern. */
const textBytes = (outcome: CompiledRuleset['rules'][number]['outcome']): number => 4 * JSON.stringify(outcome).length
