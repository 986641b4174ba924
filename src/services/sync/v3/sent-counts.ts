import type { Cache, CacheBudget } from '#base/cache.ts'
import type { SyncPositions } from './token.ts'

/** What moves a user's counts: nothing else does. */
type Moved = Pick<SyncPositions, 'events' | 'receipts' | 'accountData'>

type Sent = { text: string; at: Moved }

/** Bytes of an entry besides its text, roughly. */
const entryBytes = 300

/** The unread counts that each device was sent last for a room; evicted ones are sent again when they may have changed. */
export class SentCounts {
  readonly #sent: Cache<string, Sent>

  constructor(caches: CacheBudget) {
    this.#sent = caches.cache({ name: 'sent_counts', share: 5, weigh: ({ text }) => entryBytes + text.length })
  }

  /** Whether the device holds these counts: only what an answer said that it went on from counts. */
  knows([device, roomId]: readonly [string, string], text: string, since: Moved | undefined): boolean {
    const sent = this.#sent.get(`${device} ${roomId}`)
    return sent?.text === text && since !== undefined && isReached(sent.at, since)
  }

  /** The counts go out in an answer that ends at these positions. */
  markSent([device, roomId]: readonly [string, string], text: string, { events, receipts, accountData }: Moved): void {
    this.#sent.set(`${device} ${roomId}`, { text, at: { events, receipts, accountData } })
  }
}

const isReached = (at: Moved, since: Moved): boolean =>
  at.events <= since.events && at.receipts <= since.receipts && at.accountData <= since.accountData
