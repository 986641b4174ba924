import type { Context } from '#context.ts'
import { Alarm } from '#jobs/alarm.ts'
import type { ServerName } from '#protocol/ids.ts'

/** How long what was acknowledged may wait to be written: a crash repeats it, and receivers know events again. */
const lingerMs = 200

type Needs = Pick<Context, 'store' | 'clock' | 'log' | 'destinations'>

/** Writes how it stands with servers, for many of them at once. */
export class Outcomes {
  readonly #ctx: Needs
  readonly #alarm: Alarm
  #servers = new Map<ServerName, number | undefined>()
  #writing: Map<ServerName, number | undefined> = new Map()
  #edus: number[] = []
  #flushing: Promise<void> | undefined

  constructor(ctx: Needs) {
    this.#ctx = ctx
    this.#alarm = new Alarm(ctx.clock)
  }

  /** Everything for the server up to this position is sent, or its pauses changed. */
  changed(server: ServerName, lastSent?: number): void {
    const known = this.#servers.get(server)
    this.#servers.set(server, Math.max(lastSent ?? 0, known ?? 0) || undefined)
    if (!this.#alarm.isSet) this.#alarm.set(lingerMs, () => void this.flush())
  }

  /** What is not written yet. */
  lastSent(server: ServerName): number | undefined {
    return this.#servers.get(server) ?? this.#writing.get(server)
  }

  /** EDUs arrived: resolves when they are deleted. */
  async edusSent(positions: readonly number[]): Promise<void> {
    if (positions.length === 0) return
    this.#edus.push(...positions)
    await this.flush()
  }

  /** Resolves when all is written; a failure is logged, and written with what comes next. */
  async flush(): Promise<void> {
    this.#alarm.clear()
    // What runs may not have seen the newest.
    await this.#flushing
    this.#flushing ??= this.#write().finally(() => (this.#flushing = undefined))
    await this.#flushing
  }

  async #write(): Promise<void> {
    const { store, destinations, log } = this.#ctx
    const [servers, edus] = [this.#servers, this.#edus]
    if (servers.size + edus.length === 0) return
    this.#servers = new Map()
    this.#edus = []
    this.#writing = servers
    const rows = [...servers].map(([serverName, lastSent]) => ({
      serverName,
      lastSent,
      backoff: destinations.find(serverName),
    }))
    try {
      await store.transaction(async (tx) => {
        await tx.federation.destinations.save(rows)
        await tx.federation.outgoingEdus.delete(edus)
      })
    } catch (error) {
      log.warn('how it stands with other servers was not written', { error })
      this.#edus.push(...edus)
      for (const [server, lastSent] of servers) this.changed(server, lastSent)
    } finally {
      this.#writing = new Map()
    }
  }
}
