import type { Context } from '#context.ts'
import { Alarm } from '#jobs/alarm.ts'
import type { Worker } from '#jobs/worker.ts'
import type { ServerName } from '#protocol/ids.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { RemoteNeeds } from '#services/remote/remote-client.ts'
import { composeTransaction, type ComposeNeeds, type Transaction } from './compose-transaction.ts'
import { DestinationQueue } from './destination-queue.ts'
import type { EphemeralEdus } from './ephemeral-edus.ts'
import { sendTransaction } from './send-transaction.ts'

export type SenderNeeds = RemoteNeeds & ComposeNeeds & Pick<Context, 'log' | 'clock'>

/** Transactions under way at once; those to servers that did not answer have places of their own. */
const maxUnderWay = 256
const maxRetriesUnderWay = 64
/** Transactions begun in one turn of the event loop, which requests of clients share. */
const maxBegunAtOnce = 4
/** A server that has failed with pauses as long as this has an outage: about a minute after it answered last. */
const outageIntervalMs = 32_000
/** How long nothing is sent to a server after a failure of this one, such as of its store. */
const ownFailureMs = 1000

/** Sends what waits for other servers: for each one transaction after the other, many servers side by side. */
export class Sender implements Worker {
  readonly #ctx: SenderNeeds
  readonly #queues = new Map<ServerName, DestinationQueue>()
  readonly #ready = new Set<ServerName>()
  /** When servers may be sent something that waits. */
  readonly #due = new Map<ServerName, number>()
  readonly #running = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  readonly #alarm: Alarm
  readonly #reload: Alarm
  #isLoaded = false
  #alarmAt = Infinity
  #retries = 0
  #filling: Promise<void> | undefined
  #loading: Promise<void> | undefined

  constructor(ctx: SenderNeeds) {
    this.#ctx = ctx
    this.#alarm = new Alarm(ctx.clock)
    this.#reload = new Alarm(ctx.clock)
    ctx.destinations.watch((server, news) => {
      if (news === 'alive') return
      ctx.outcomes.changed(server)
      const queue = this.#queues.get(server)
      if (queue && news === 'due') this.#schedule(queue)
    })
  }

  /** Takes over what waited when the server stopped. */
  start(): void {
    this.#loading = this.#load().catch((error: unknown) => {
      this.#ctx.log.error('what waits for other servers could not be read', { error })
      if (!this.#isStopping) this.#reload.set(ownFailureMs, () => this.start())
    })
  }

  async #load(): Promise<void> {
    const { destinations } = this.#ctx.store.federation
    const failing = await destinations.listFailing()
    this.#ctx.destinations.load(
      failing.flatMap(({ serverName, backoff }) => (backoff ? [[serverName, backoff] as const] : [])),
    )
    for (const { serverName, lastSent, backoff } of await destinations.listPending()) {
      const mayResume = (backoff?.interval ?? 0) < outageIntervalMs
      if (this.#queues.has(serverName)) continue
      const queue = new DestinationQueue(serverName, { isWhole: false, mayResume })
      queue.lastSent = lastSent
      queue.hasEdus = true
      this.#queues.set(serverName, queue)
      this.#schedule(queue)
    }
    this.#isLoaded = true
  }

  /** Events, in the order of their positions, that the store knows to be for the server. */
  sendEvents(server: ServerName, positions: readonly number[]): void {
    const queue = this.#queueOf(server)
    queue.push(positions)
    this.#schedule(queue)
  }

  /** There are EDUs for the server in the durable queue. */
  sendEdus(server: ServerName): void {
    const queue = this.#queueOf(server)
    queue.hasEdus = true
    this.#schedule(queue)
  }

  /** Adds EDUs that are in memory alone; they may wait so long for others to go with. */
  sendEphemeral(server: ServerName, add: (edus: EphemeralEdus) => void, lingerMs = 0): void {
    const queue = this.#queueOf(server)
    const isFirst = queue.isIdle
    add(queue.ephemeral)
    if (lingerMs > 0 && isFirst) this.#wait(server, this.#ctx.clock.now() + lingerMs)
    else if (!this.#due.has(server)) this.#schedule(queue)
  }

  async settle(): Promise<void> {
    await this.#loading
    while (this.#filling || this.#running.size > 0) await Promise.all([this.#filling, ...this.#running])
    await this.#ctx.outcomes.flush()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    for (const alarm of [this.#alarm, this.#reload]) alarm.clear()
    await this.settle()
  }

  get #isStopping(): boolean {
    return this.#stopping.signal.aborted
  }

  #queueOf(server: ServerName): DestinationQueue {
    const known = this.#queues.get(server)
    if (known) return known
    // What waited at the start was taken over.
    const queue = new DestinationQueue(server, { isWhole: this.#isLoaded, mayResume: true })
    this.#queues.set(server, queue)
    return queue
  }

  /** Lets the server have its turn: now, or when its pause is over. */
  #schedule(queue: DestinationQueue): void {
    const { server } = queue
    if (queue.isUnderWay || this.#isStopping) return
    if (queue.isIdle) {
      this.#due.delete(server)
      return void this.#queues.delete(server)
    }
    const backoff = this.#ctx.destinations.find(server)
    if (backoff && backoff.retryAt > this.#ctx.clock.now()) return this.#wait(server, backoff.retryAt)
    this.#due.delete(server)
    this.#ready.add(server)
    this.#fill()
  }

  #wait(server: ServerName, until: number): void {
    this.#ready.delete(server)
    this.#due.set(server, until)
    if (until < this.#alarmAt) this.#setAlarm(until)
  }

  #setAlarm(at: number): void {
    this.#alarmAt = at
    if (at === Infinity) this.#alarm.clear()
    else this.#alarm.set(at - this.#ctx.clock.now(), () => this.#wake())
  }

  #wake(): void {
    const now = this.#ctx.clock.now()
    let next = Infinity
    for (const [server, at] of this.#due)
      if (at > now) next = Math.min(next, at)
      else {
        this.#due.delete(server)
        this.#ready.add(server)
      }
    this.#setAlarm(next)
    this.#fill()
  }

  /** Begins transactions while there are places, a few in each turn of the event loop. */
  #fill(): void {
    if (this.#isStopping || this.#filling || this.#ready.size === 0) return
    this.#filling = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      this.#filling = undefined
      const isMore = this.#begin()
      if (isMore) this.#fill()
    })
  }

  /** Answers whether more can begin in the next turn. */
  #begin(): boolean {
    let begun = 0
    for (const server of this.#ready) {
      if (this.#isStopping || this.#running.size - this.#retries >= maxUnderWay) return false
      if (begun >= maxBegunAtOnce) return true
      const isRetry = this.#ctx.destinations.find(server) !== undefined
      if (isRetry && this.#retries >= maxRetriesUnderWay) continue
      const queue = this.#queues.get(server)
      this.#ready.delete(server)
      if (!queue || queue.isUnderWay) continue
      begun++
      this.#track(queue, isRetry)
    }
    return false
  }

  #track(queue: DestinationQueue, isRetry: boolean): void {
    queue.isUnderWay = true
    if (isRetry) this.#retries++
    const running = this.#run(queue).then((pauseMs) => {
      this.#running.delete(running)
      if (isRetry) this.#retries--
      queue.isUnderWay = false
      if (pauseMs > 0) this.#wait(queue.server, this.#ctx.clock.now() + pauseMs)
      else this.#schedule(queue)
      this.#fill()
    })
    this.#running.add(running)
  }

  /** One transaction; never rejects. Answers how long the server has to wait besides its own pause. */
  async #run(queue: DestinationQueue): Promise<number> {
    let transaction: Transaction | undefined
    try {
      transaction = await composeTransaction(this.#ctx, queue)
      if (!transaction || this.#isStopping) return 0
      if (!transaction.isEmpty) await this.#send(queue, transaction)
      await this.#acknowledged(queue, transaction)
      return 0
    } catch (error) {
      if (this.#isStopping) return 0
      if (transaction && error instanceof RemoteError) {
        await this.#failed(queue, { transaction, error })
        return 0
      }
      this.#ctx.log.error('a transaction could not be made', { destination: queue.server, error })
      // Whatever in it is to blame must not keep up the rest.
      if (transaction && queue.refuse(transaction.attempt)) await this.#acknowledged(queue, transaction)
      return ownFailureMs
    }
  }

  async #send({ server }: DestinationQueue, transaction: Transaction): Promise<void> {
    await sendTransaction(this.#ctx, server, { transaction, signal: this.#stopping.signal })
    this.#ctx.destinations.succeeded(server)
  }

  async #acknowledged(queue: DestinationQueue, { attempt }: Transaction): Promise<void> {
    queue.acknowledge(attempt)
    if (attempt.events.length > 0) this.#ctx.outcomes.changed(queue.server, queue.lastSent)
    await this.#ctx.outcomes.edusSent(attempt.durable)
  }

  async #failed(
    queue: DestinationQueue,
    { transaction, error }: { transaction: Transaction; error: RemoteError },
  ): Promise<void> {
    const { destinations, log } = this.#ctx
    const { server: destination } = queue
    if (!destinations.find(destination)) log.info('another server does not answer', { destination, error })
    destinations.failed(destination, error.message)
    if ((error.status === 400 || error.status === 413) && queue.refuse(transaction.attempt)) {
      log.warn('what another server refuses was passed over', { destination, error })
      await this.#acknowledged(queue, transaction)
    }
    if ((destinations.find(destination)?.interval ?? 0) >= outageIntervalMs) queue.startOutage()
  }
}
