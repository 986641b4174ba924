import { compileRuleset, type CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { fullRuleset } from '#protocol/push/push-rules.ts'
import { findPushRules } from '#services/accounts/data/stored-push-rules.ts'
import type { Store } from '#store/open.ts'
import type { UserId } from '#protocol/ids.ts'

/** The push rules of users who were looked at lately, ready for any number of events. */
export class PushRulesets {
  readonly #store: Store
  readonly #capacity: number
  /** The least recently used first. */
  readonly #rulesets = new Map<UserId, Promise<CompiledRuleset>>()

  constructor(store: Store, capacity = 10_000) {
    this.#store = store
    this.#capacity = capacity
  }

  /** The same object as long as the rules have not changed. */
  get(userId: UserId): Promise<CompiledRuleset> {
    const ruleset = this.#rulesets.get(userId) ?? this.#load(userId)
    this.#rulesets.delete(userId)
    this.#rulesets.set(userId, ruleset)
    const [oldest] = this.#rulesets.keys()
    if (this.#rulesets.size > this.#capacity && oldest !== undefined) this.#rulesets.delete(oldest)
    return ruleset
  }

  /** What is being read at this moment may be of before the change: it is read again. */
  forget(userId: UserId): void {
    this.#rulesets.delete(userId)
  }

  #load(userId: UserId): Promise<CompiledRuleset> {
    const loading = this.#read(userId)
    loading.catch(() => {
      if (this.#rulesets.get(userId) === loading) this.#rulesets.delete(userId)
    })
    return loading
  }

  async #read(userId: UserId): Promise<CompiledRuleset> {
    return compileRuleset(fullRuleset(await findPushRules(this.#store, userId), userId), userId)
  }
}
