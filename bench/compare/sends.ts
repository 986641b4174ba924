import type { RoomId } from '#protocol/ids.ts'
import { sendToCeiling } from '../inside/ceiling.ts'
import { HttpClient } from '../support/http-client.ts'
import { startFreshServer } from '../support/fresh-server.ts'
import { startCeiling } from '../support/own-server.ts'
import { mainThreadMs, median, percentiles, processorMs, round } from '../support/statistics.ts'
import { table } from '../support/table.ts'
import { makeRooms, makeUsers, sendFor } from '../workloads/send.ts'

export type SendsOptions = {
  clients: number
  rooms: number
  /** Of each turn. */
  seconds: number
  rounds: number
  /** postgres://…; absent: SQLite. */
  database?: string | undefined
  /** Other checkouts. */
  beside: readonly string[]
}

type Side = { name: string; pid: number; send(seconds: number): Promise<number[]>; stop(): Promise<void> }

/** What one turn of a side gave. */
type Turn = { perSecond: number; usOfAll: number; usOfMain: number; p50: number; p99: number }

/** Durable sends to this server, to other checkouts of it and to the ceiling, in turns, so that a busy machine is busy for all. */
export async function sends(options: SendsOptions): Promise<string> {
  const sides: Side[] = []
  try {
    sides.push(await openSide(undefined, options))
    for (const checkout of options.beside) sides.push(await openSide(checkout, options))
    sides.push(await openCeiling(options))
    for (const side of sides) await side.send(2)
    const turns: Turn[][] = sides.map(() => [])
    for (let turn = 0; turn < options.rounds; turn++)
      for (const [number, side] of sides.entries()) turns[number]!.push(await takeTurn(side, options.seconds))
    return table(header, sides.map(({ name }, number) => rowOf(name, turns[number]!, turns.at(-1)!))) // prettier-ignore
  } finally {
    for (const side of sides) await side.stop()
  }
}

const header = ['server', 'sends/s', '% of ceiling', 'us a send', 'us of main', 'p50 ms', 'p99 ms']

function rowOf(name: string, turns: readonly Turn[], ofCeiling: readonly Turn[]): (string | number)[] {
  const middle = (value: (turn: Turn) => number) => round(median(turns.map(value)))
  const share = median(turns.map(({ perSecond }, turn) => (100 * perSecond) / ofCeiling[turn]!.perSecond))
  return [
    name,
    Math.round(middle(({ perSecond }) => perSecond)),
    Math.round(share),
    middle(({ usOfAll }) => usOfAll),
    middle(({ usOfMain }) => usOfMain),
    middle(({ p50 }) => p50),
    middle(({ p99 }) => p99),
  ]
}

async function takeTurn({ pid, send }: Side, seconds: number): Promise<Turn> {
  const [all, main] = [processorMs(pid), mainThreadMs(pid)]
  const durations = await send(seconds)
  const usASend = (ms: number) => (ms * 1000) / durations.length
  const { turn_p50_ms: p50 = 0, turn_p99_ms: p99 = 0 } = percentiles(durations, 'turn')
  return {
    perSecond: durations.length / seconds,
    usOfAll: usASend(processorMs(pid) - all),
    usOfMain: usASend(mainThreadMs(pid) - main),
    p50,
    p99,
  }
}

async function openSide(checkout: string | undefined, { database, clients, rooms }: SendsOptions): Promise<Side> {
  const { target, stop } = await startFreshServer({ database, checkout })
  const users = await makeUsers(target, clients)
  const roomIds: RoomId[] = await makeRooms(users, rooms)
  return {
    name: checkout ?? 'this',
    pid: pidOf(target),
    send: (seconds) => sendFor(users, roomIds, seconds),
    stop,
  }
}

async function openCeiling({ clients }: SendsOptions): Promise<Side> {
  const { url, pid, stop } = await startCeiling()
  const http = new HttpClient(url)
  return {
    name: 'ceiling',
    pid: pidOf({ pid }),
    send: (seconds) => sendToCeiling(http, clients, seconds),
    async stop() {
      http.close()
      await stop()
    },
  }
}

function pidOf({ pid }: { pid?: number | undefined }): number {
  if (pid === undefined) throw new Error('The server has no process')
  return pid
}
