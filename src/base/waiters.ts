const maxRemembered = 200_000

type Key = {
  /** By stream: the newest moment at which it moved. Those of a key that is new count as moved just now. */
  readonly moved: number[]
  readonly waiting: Set<Waiting>
}

type Waiting = { wake: () => void; ignores: ReadonlySet<number> }

/** Woken by any stream that it does not ignore. */
export type Interest<Stream> = { keys: readonly string[]; ignores?: readonly Stream[] }

export type Ticket = { woken: Promise<void>; release(): void }

/**
 * Long polls by key: a user, or one of its devices. Register before reading, so that no wake-up is lost between the
 * read and the wait. For each key that was ever registered the time at which each stream last moved is remembered, so
 * that a reader who is up to date as of one time knows, without reading, which streams may have something new. Waking
 * keys that no request ever registered costs next to nothing.
 */
export class Waiters<Stream extends string> {
  readonly #streams: readonly Stream[]
  readonly #indexOf: ReadonlyMap<Stream, number>
  readonly #maxRemembered: number
  /** The least recently registered first. */
  readonly #keys = new Map<string, Key>()
  readonly #announcing = new Set<Promise<void>>()
  #moment = 0
  #size = 0

  constructor(streams: readonly Stream[], limits: { maxRemembered: number } = { maxRemembered }) {
    this.#streams = streams
    this.#indexOf = new Map(streams.map((stream, index) => [stream, index]))
    this.#maxRemembered = limits.maxRemembered
  }

  /** The number of waiting requests. */
  get size(): number {
    return this.#size
  }

  /** A number that grows with every movement in this process. */
  get moment(): number {
    return this.#moment
  }

  /** The streams that have moved, or may have moved, for the key after a moment. */
  movedSince(key: string, moment: number): Stream[] {
    const known = this.#keys.get(key)
    return known ? this.#streams.filter((_, index) => (known.moved[index] ?? 0) > moment) : [...this.#streams]
  }

  /** A ticket that records any movement of its streams from now on. */
  register({ keys, ignores = [] }: Interest<Stream>): Ticket {
    const { promise: woken, resolve } = Promise.withResolvers<void>()
    const waiting = { wake: resolve, ignores: new Set(ignores.map((stream) => this.#index(stream))) }
    const known = keys.map((key) => this.#remember(key, waiting))
    this.#forgetOldest()
    this.#size++
    let isReleased = false
    return {
      woken,
      release: () => {
        if (isReleased) return
        isReleased = true
        this.#size--
        for (const key of known) key.waiting.delete(waiting)
      },
    }
  }

  /** A stream has moved for a key: wakes its waiting requests. */
  move(key: string, stream: Stream): void {
    const known = this.#keys.get(key)
    if (known) this.#moveKnown(known, this.#index(stream))
  }

  /** A stream may have moved for any key: bus messages were lost. */
  moveAll(stream: Stream): void {
    for (const known of this.#keys.values()) this.#moveKnown(known, this.#index(stream))
  }

  /** Work that must not fail and ends with movements of what is committed already. */
  announce(work: Promise<void>): void {
    this.#announcing.add(work)
    void work.finally(() => this.#announcing.delete(work))
  }

  /** Waits for the announcements under way, so that a reader finds what was committed before its request. */
  async announced(): Promise<void> {
    if (this.#announcing.size > 0) await Promise.all(this.#announcing)
  }

  #moveKnown(known: Key, index: number): void {
    known.moved[index] = ++this.#moment
    for (const { wake, ignores } of known.waiting) if (!ignores.has(index)) wake()
  }

  /** The key, now the most recently registered one. */
  #remember(key: string, waiting: Waiting): Key {
    // Earlier movements were not recorded: tokens from before must not appear up to date.
    const known = this.#keys.get(key) ?? this.#newKey()
    this.#keys.delete(key)
    this.#keys.set(key, known)
    known.waiting.add(waiting)
    return known
  }

  #newKey(): Key {
    const moment = ++this.#moment
    return { moved: this.#streams.map(() => moment), waiting: new Set() }
  }

  /** Keys with waiting requests are kept. */
  #forgetOldest(): void {
    if (this.#keys.size <= this.#maxRemembered) return
    for (const [key, { waiting }] of this.#keys) {
      if (this.#keys.size <= this.#maxRemembered) return
      if (waiting.size === 0) this.#keys.delete(key)
    }
  }

  #index(stream: Stream): number {
    const index = this.#indexOf.get(stream)
    if (index === undefined) throw new Error(`There is no stream ${stream}`)
    return index
  }
}
