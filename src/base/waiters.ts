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
 * read and the wait. For each key that was ever registered the moment is remembered at which each stream last moved, so
 * that a reader who knows everything up to one moment can see, without reading, which streams may hold something new.
 * Keys that no request ever named cost next to nothing to wake.
 */
export class Waiters<Stream extends string> {
  readonly #streams: readonly Stream[]
  readonly #indexOf: ReadonlyMap<Stream, number>
  readonly #maxRemembered: number
  /** The least recently registered first. */
  readonly #keys = new Map<string, Key>()
  #moment = 0
  #size = 0

  constructor(streams: readonly Stream[], limits: { maxRemembered: number } = { maxRemembered }) {
    this.#streams = streams
    this.#indexOf = new Map(streams.map((stream, index) => [stream, index]))
    this.#maxRemembered = limits.maxRemembered
  }

  /** How many wait now. */
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

  /** A ticket that remembers any movement from now on that it is interested in. */
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

  /** A stream has moved for a key: who waits for it is woken. */
  move(key: string, stream: Stream): void {
    const known = this.#keys.get(key)
    if (known) this.#moveKnown(known, this.#index(stream))
  }

  /** A stream may have moved for anybody: messages that say for whom were lost. */
  moveAll(stream: Stream): void {
    for (const known of this.#keys.values()) this.#moveKnown(known, this.#index(stream))
  }

  #moveKnown(known: Key, index: number): void {
    known.moved[index] = ++this.#moment
    for (const { wake, ignores } of known.waiting) if (!ignores.has(index)) wake()
  }

  /** The key as the one that was asked for last. */
  #remember(key: string, waiting: Waiting): Key {
    // Before it was known its movements were missed: tokens of that time must not look up to date.
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

  /** Those with requests that wait are kept: their wake-up is still owed to them. */
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
