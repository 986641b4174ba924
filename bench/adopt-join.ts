import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { systemClock } from '#base/clock.ts'
import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'
import { adoptJoin, type AdoptedJoin } from '#services/federation/receive/adopt-join.ts'
import { CheckThreads } from '#services/federation/receive/check-threads.ts'
import type { ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { loadParents } from '#services/rooms/plan-branch.ts'
import { resolveStates } from '#services/rooms/resolve-states.ts'
import { RoomLines } from '#services/rooms/room-lines.ts'
import { SentTransactions } from '#services/rooms/sent-transactions.ts'
import { openStore } from '#store/open.ts'
import { localBus } from '../src/bus/local.ts'
import { buildRemoteRoom, keyOf, powerful, remoteRoomId, version, type Made } from './support/remote-room.ts'

/**
 * Joins a room of many members on other servers, every event signed, then resolves ten heads of it.
 * `node bench/adopt-join.ts [members] [servers] [database]`; the figures to reach with 20,000 members: 10 s, 512 MB, 50 ms
 * of event loop, and 200 ms for the ten heads.
 */

const [membersText = '20000', serversText = '300', database] = process.argv.slice(2)
const [members, servers] = [Number(membersText), Number(serversText)]
const us: UserId = '@us:home'
const folder = process.env.BENCH_FOLDER ?? mkdtempSync(join(tmpdir(), 'myelin-adopt-join-'))
const file = join(folder, 'room.json')

type Told = Pick<AdoptedJoin, 'event' | 'state' | 'authChain'> & { forks: Made[] }

if (process.env.BENCH_FOLDER) {
  writeFileSync(file, JSON.stringify(build()))
} else {
  // Signing it all elsewhere keeps its cost out of the figures.
  execFileSync(process.execPath, process.argv.slice(1), { env: { ...process.env, BENCH_FOLDER: folder } })
  await measure().finally(() => rmSync(folder, { recursive: true }))
}

function build(): Told {
  const room = buildRemoteRoom({ members, servers })
  const state = [...room.events.values()]
  const event = room.add({ type: 'm.room.member', key: us, sender: us, content: { membership: 'join' } })
  const forks = powerful.flatMap((sender, index) => {
    const kicked: UserId = `@u${100 + index}:s${(100 + index) % servers}`
    const kick = { type: 'm.room.member', key: kicked, sender, content: { membership: 'leave' } }
    const name = { type: 'm.room.name', key: '', sender, content: { name: `${index}` } }
    const first = room.add(kick, [event.id])
    return [first, room.add(name, [first.id])]
  })
  return { event: event.pdu, state, authChain: state.slice(0, 4), forks }
}

async function measure(): Promise<void> {
  const told = JSON.parse(readFileSync(file, 'utf8')) as Told
  const store = await openStore({
    url: database ?? `sqlite:${join(folder, 'm.db')}`,
    poolSize: 4,
    now: () => systemClock.now(),
  })
  const ctx: ReceiveNeeds & Pick<Context, 'config'> = {
    store,
    clock: systemClock,
    bus: localBus(),
    rooms: new RoomLines(store, 'home'),
    sentTransactions: new SentTransactions(store),
    signingKey: keyOf('home'),
    config: { server_name: 'home' } as Context['config'],
    checkThreads: new CheckThreads(),
    findKey: async (server) => ({ ...keyOf(server), validUntil: Infinity }),
    missingEvents: {
      fetchEvents: async () => [],
      fetchMissing: async () => [],
      fetchStateIds: async () => undefined,
    },
  }
  const { event, state, authChain } = told
  const adopted = await timed(() => adoptJoin(ctx, { roomId: remoteRoomId, version, event, state, authChain }))
  if (adopted.result.outcome !== 'accepted') throw new Error(JSON.stringify(adopted.result))
  console.log({
    events: state.length,
    servers,
    ...adopted.figures,
    events_per_second: Math.round(state.length / adopted.figures.seconds),
  })
  await measureHeads(ctx, told)
  console.log({ peak_rss_mb: Math.round(process.resourceUsage().maxRSS / 1024) })
  await store.close()
}

async function measureHeads(ctx: ReceiveNeeds, { forks }: Told): Promise<void> {
  const received = await timed(async () => {
    for (const { pdu } of forks) {
      const { outcome, reason } = await receiveEvent(ctx, { origin: 's0', roomId: remoteRoomId, pdu })
      if (outcome !== 'accepted') throw new Error(`${outcome}: ${reason}`)
    }
  })
  console.log({ forks: forks.length, ...received.figures })
  for (const graph of ['cold', 'warm']) {
    const line = await ctx.rooms.get(remoteRoomId)
    if (graph === 'cold') line.authGraph = undefined
    const resolved = await timed(async () => {
      const parents = await loadParents(ctx, line, await ctx.store.events.findMany(line.heads))
      return resolveStates(ctx, line, { overlays: parents.map(({ overlay }) => overlay) })
    })
    console.log({ heads: line.heads.length, graph, members: line.count('join'), ...resolved.figures })
  }
}

async function timed<T>(work: () => Promise<T>) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  await nextTurn()
  const [start, cpu] = [performance.now(), process.cpuUsage()]
  const result = await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  await nextTurn()
  delay.disable()
  const figures = {
    seconds: Number(seconds.toFixed(3)),
    cpu_seconds: Number(((user + system) / 1e6).toFixed(3)),
    max_loop_delay_ms: Number((delay.max / 1e6).toFixed(1)),
  }
  return { result, figures }
}
