import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { CheckThreads } from '#services/federation/receive/check-threads.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { loadParents } from '#services/rooms/state/plan-branch.ts'
import { resolveStates } from '#services/rooms/state/resolve-states.ts'
import { withReceiver, type Receiver } from '../support/receiver.ts'
import { remoteRoomId, version, type RemoteJoin } from '../support/remote-room.ts'
import { round } from '../support/statistics.ts'
import { timed } from '../support/timed.ts'
import type { Figures, InsideWorkload, Options } from '../support/workload.ts'

const builder = new URL('../support/build-remote-room.ts', import.meta.url).pathname

/** To reach with 20,000 members: 10 s, 512 MB and 50 ms of event loop, and 200 ms for the forward extremities. */
export const adoptLargeJoin: InsideWorkload = {
  summary: 'joins a room of --members on --servers, every event signed, takes in 20 forks of it and resolves its heads',
  defaults: { members: 20_000, servers: 300 },
  run: (options, database) =>
    withReceiver(database, async (receiver) => {
      const { event, state, authChain, forks } = await build(receiver.folder, options)
      const ctx = { ...receiver.ctx, checkThreads: new CheckThreads() }
      const join = { roomId: remoteRoomId, version, event, state, authChain }
      const figures = await timed('adopt', async () => demand(await importSendJoin(ctx, join)))
      Object.assign(
        figures,
        await timed('forks', async () => {
          for (const { pdu } of forks) demand(await receiveEvent(ctx, { origin: 's0', roomId: remoteRoomId, pdu }))
        }),
        await resolveHeads(ctx, 'cold'),
        await resolveHeads(ctx, 'warm'),
      )
      return { events: state.length, ...figures, peak_resident_mb: round(process.resourceUsage().maxRSS / 1024) }
    }),
}

async function build(folder: string, { members, servers }: Options): Promise<RemoteJoin> {
  const file = join(folder, 'room.json')
  execFileSync(process.execPath, [builder, file, String(members), String(servers)])
  return JSON.parse(readFileSync(file, 'utf8')) as RemoteJoin
}

function demand({ outcome, reason }: { outcome: string; reason?: string }): void {
  if (outcome !== 'accepted') throw new Error(`${outcome}: ${reason}`)
}

/** The state that all forward extremities resolve to; cold: without the auth graph in memory. */
async function resolveHeads(ctx: Receiver['ctx'], graph: 'cold' | 'warm'): Promise<Figures> {
  if (graph === 'cold') await ctx.rooms.drop(remoteRoomId)
  const room = await ctx.rooms.get(remoteRoomId)
  const figures = await timed(`heads_${graph}`, async () => {
    const parents = await loadParents(ctx, room, await ctx.store.rooms.events.findMany(room.forwardExtremities))
    await resolveStates(ctx, room, { diffs: parents.map(({ diff }) => diff) })
  })
  return { heads: room.forwardExtremities.length, ...figures }
}
