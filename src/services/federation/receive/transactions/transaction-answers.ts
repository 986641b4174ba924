import type { Cache, CacheBudget } from '#base/cache.ts'
import type { EventId, ServerName } from '#protocol/ids.ts'

/** What became of each event of a transaction; without `error` the sender is done with it. */
export type TransactionAnswer = { pdus: Record<EventId, { error?: string }> }

type Transaction = { origin: ServerName; transactionId: string }

/** Estimated, of one event's result. */
const resultBytes = 200

/** Answers to transactions, for those who ask again because they did not get theirs. */
export class TransactionAnswers {
  readonly #given: Cache<string, TransactionAnswer>
  readonly #inProgress = new Map<string, Promise<TransactionAnswer>>()

  constructor(caches: CacheBudget) {
    this.#given = caches.cache({
      name: 'transaction_answers',
      share: 2,
      weigh: ({ pdus }) => (1 + Object.keys(pdus).length) * resultBytes,
    })
  }

  /** The answer to the transaction: the one that was given before, the one that is on its way, or what `work` answers. */
  async once(transaction: Transaction, work: () => Promise<TransactionAnswer>): Promise<TransactionAnswer> {
    const key = JSON.stringify([transaction.origin, transaction.transactionId])
    const known = this.#given.get(key) ?? this.#inProgress.get(key)
    if (known) return known
    const working = work()
    this.#inProgress.set(key, working)
    try {
      const answer = await working
      this.#given.set(key, answer)
      return answer
    } finally {
      this.#inProgress.delete(key)
    }
  }
}
