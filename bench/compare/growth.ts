import { setTimeout as sleep } from 'node:timers/promises'
import type { RoomId } from '#protocol/ids.ts'
import { startFreshServer } from '../support/fresh-server.ts'
import { median, processFigures, processorMs, round } from '../support/statistics.ts'
import { table } from '../support/table.ts'
import type { OwnServer } from '../support/own-server.ts'
import { fillRooms, type FilledRooms } from './fill-rooms.ts'

const filter = JSON.stringify({ room: { timeline: { limit: 20 }, state: { lazy_load_members: true } } })
const rounds = 5
const requestsARound = 40
/** Before memory is read for the last time. */
const idleMs = 25_000

export type GrowthOptions = {
  /** How many rooms the user is in; one line of the table for each. */
  sizes: readonly number[]
  members: number
  messages: number
  /** postgres://…; absent: SQLite. */
  database?: string | undefined
  /** Another checkout, measured in turns with this one. */
  beside?: string | undefined
}

/** What a user's requests cost as the number of their rooms grows, in milliseconds of processor time. */
export async function growth(options: GrowthOptions): Promise<string> {
  const sizes = options.sizes.toSorted((a, b) => a - b)
  const checkouts = [undefined, ...(options.beside === undefined ? [] : [options.beside])]
  const sides: Side[] = []
  // By the older of two checkouts: the other one brings what it has stored up to date.
  const filled = await fillRooms({ ...options, sizes, checkout: options.beside })
  try {
    for (const checkout of checkouts) sides.push(await openSide(checkout, { ...options, filled }))
    const rows: (string | number)[][] = []
    for (const [index, size] of sizes.entries()) {
      const measured = await measureInTurns(sides, index)
      for (const [number, { name, pid }] of sides.entries()) {
        const { resident_mb: resident = 0, peak_resident_mb: peak = 0 } = processFigures(pid)
        rows.push([size, name, ...measured[number]!, resident, peak])
      }
    }
    // A server gives back what a peak has left once it has been idle for a while.
    await sleep(idleMs)
    for (const { name, pid } of sides) {
      const { resident_mb: resident = 0, peak_resident_mb: peak = 0 } = processFigures(pid)
      rows.push(['idle', name, '', '', '', '', resident, peak])
    }
    return table(header, rows)
  } finally {
    for (const { server } of sides) await server.stop()
    await filled.drop()
  }
}

const header = ['rooms', 'server', 'first ms', 'again ms', 'no news ms', 'one message ms', 'now MB', 'peak MB']

type Side = Pick<FilledRooms, 'readers' | 'people' | 'roomIds'> & { name: string; server: OwnServer; pid: number }

async function openSide(
  checkout: string | undefined,
  { database, filled }: Pick<GrowthOptions, 'database'> & { filled: FilledRooms },
): Promise<Side> {
  const server = await startFreshServer({ database, checkout, copied: filled.data })
  const { pid, http } = server.target
  if (pid === undefined) throw new Error('The server has no process')
  const [readers, people] = [filled.readers, filled.people].map((users) => users.map((user) => user.at(http)))
  return {
    name: checkout ?? 'this',
    server,
    pid,
    readers: readers ?? [],
    people: people ?? [],
    roomIds: filled.roomIds,
  }
}

/** Kinds of request one after another, the servers in turns within each. */
async function measureInTurns(sides: readonly Side[], index: number): Promise<number[][]> {
  const figures: number[][] = sides.map(() => [])
  const inTurns = async (turns: number, measure: (side: Side, number: number) => Promise<number>) => {
    const taken: number[][] = sides.map(() => [])
    for (let turn = 0; turn < turns; turn++)
      for (const [number, side] of sides.entries()) taken[number]!.push(await measure(side, number))
    for (const [number, values] of taken.entries()) figures[number]!.push(round(median(values)))
  }
  const since = sides.map(() => '')
  const initial = async ({ readers, pid }: Side, number: number) => {
    const before = processorMs(pid)
    since[number] = (await readers[index]!.sync({ timeout: '0', filter })).body['next_batch'] as string
    return processorMs(pid) - before
  }
  await inTurns(1, initial)
  await inTurns(3, initial)
  await inTurns(rounds, (side, number) => follow(side, { index, number, since, isSending: false }))
  await inTurns(rounds, (side, number) => follow(side, { index, number, since, isSending: true }))
  return figures
}

type Following = { index: number; number: number; since: string[]; isSending: boolean }

/** Incremental syncs one after another; only they are counted. */
async function follow({ readers, people, roomIds, pid }: Side, { index, number, since, isSending }: Following) {
  let spent = 0
  for (let turn = 0; turn < requestsARound; turn++) {
    // The owner of a room is the first of its people.
    const room = (turn * 7) % roomIds.length
    if (isSending) await people[room % people.length]!.send(roomIds[room] as RoomId, 'news')
    const before = processorMs(pid)
    const { body } = await readers[index]!.sync({ timeout: '0', filter, since: since[number]! })
    spent += processorMs(pid) - before
    since[number] = body['next_batch'] as string
  }
  return spent / requestsARound
}
