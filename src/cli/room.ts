import type { Context } from '#context.ts'
import type { Difference } from '#services/rooms/verify/check-room.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import { configOptions, UsageError, type Arguments, type Command, type Group, type Terminal } from './command.ts'
import { configOf } from './configuration.ts'
import type { RoomId } from '#protocol/ids.ts'

const check: Command = {
  summary: 'Compare what is derived from the events of a room with its events; exit code 1 when differences remain',
  usage: 'ROOM | --all [--repair] [--config FILE]',
  names: 1,
  optionalNames: 1,
  options: { ...configOptions, all: { type: 'boolean' }, repair: { type: 'boolean' } },
  async run(args, terminal) {
    const [roomId] = args.names as RoomId[]
    const isAll = args.values['all'] === true
    if ((roomId === undefined) !== isAll) throw new UsageError('name a room, or give --all')
    const isRepair = args.values['repair'] === true
    return withServerContext(args, terminal, async (ctx) => {
      const roomIds = roomId === undefined ? (await ctx.store.rooms.rooms.list()).map((room) => room.roomId) : [roomId]
      let remaining = 0
      for (const id of roomIds) remaining += await checkOne(ctx, terminal, { roomId: id, isRepair })
      if (isAll) remaining += await checkTransactionIds(ctx, terminal, isRepair)
      terminal.print(`${roomIds.length} rooms checked, ${remaining} differences remain\n`)
      return remaining === 0 ? 0 : 1
    })
  },
}

/** How often to look whether another process is done with a purge. */
const lookEveryMs = 200

const purge: Command = {
  summary: 'Remove the history of a room before a moment; local messages too with --local',
  usage: 'ROOM --before MILLISECONDS|DATE [--local] [--config FILE]',
  names: 1,
  options: { ...configOptions, before: { type: 'string' }, local: { type: 'boolean' } },
  async run(args, terminal) {
    const before = momentOf(args.values['before'])
    return withServerContext(args, terminal, async (ctx) => {
      const { requestHistoryPurge } = await import('#services/rooms/purge/purge-history.ts')
      const { collectPurges } = await import('#services/rooms/purge/purge-worker.ts')
      const { historyPurgeStatus } = await import('#services/rooms/purge/purge-status.ts')
      const deleteLocal = args.values['local'] === true
      const id = await requestHistoryPurge(ctx, {
        roomId: args.names[0] as RoomId,
        before: { ts: before },
        deleteLocal,
      })
      const statusNow = async () => {
        await collectPurges(ctx)
        return (await historyPurgeStatus(ctx, id)).status
      }
      let status = await statusNow()
      // The running server may have taken it.
      for (; status === 'active'; status = await statusNow()) await ctx.clock.sleep(lookEveryMs)
      terminal.print(`purge ${id} is ${status}\n`)
      return status === 'complete' ? 0 : 1
    })
  },
}

export const room: Group = { summary: 'Check rooms and remove their history', commands: { check, purge } }

async function withServerContext(
  args: Arguments,
  terminal: Terminal,
  work: (ctx: Context) => Promise<number>,
): Promise<number> {
  const config = configOf(args, terminal)
  const server = await import('#server.ts')
  return server.withContext(config, work)
}

/** Answers how many differences remain. */
async function checkOne(
  ctx: Context,
  terminal: Terminal,
  { roomId, isRepair }: { roomId: RoomId; isRepair: boolean },
): Promise<number> {
  const { checkRoom } = await import('#services/rooms/verify/check-room.ts')
  const found = await checkRoom(ctx, roomId)
  report(terminal, roomId, found)
  if (!isRepair || found.length === 0) return found.length
  const { repairRoom } = await import('#services/rooms/verify/repair-room.ts')
  const present = await ctx.store.rooms.rooms.find(roomId)
  const { forgetLiveRoom } = await import('#services/rooms/purge/forget-live-room.ts')
  if (present) await repairRoom(ctx, present, found)
  await ctx.rooms.inTurn(roomId, (turn) => forgetLiveRoom(ctx, turn))
  const left: Difference[] = await checkRoom(ctx, roomId)
  terminal.print(`${roomId}: repaired, ${left.length} differences remain\n`)
  return left.length
}

async function checkTransactionIds(ctx: Context, terminal: Terminal, isRepair: boolean): Promise<number> {
  const { checkLostTransactions } = await import('#services/rooms/verify/transactions.ts')
  const found = await checkLostTransactions(ctx.store)
  report(terminal, 'all rooms', found)
  if (!isRepair) return found.length
  await ctx.store.transaction((tx) => tx.rooms.check.apply(found))
  return 0
}

function report(terminal: Terminal, where: string, found: readonly RowChange[]): void {
  for (const { table, key, stored, expected } of found) {
    const problem = !stored ? 'is missing' : expected ? 'differs' : 'should not be'
    const wanted = expected ? `, expected ${shown(expected)}` : ''
    terminal.print(`${where}: ${table} ${JSON.stringify(key)} ${problem}${wanted}\n`)
  }
}

/** Hides the content of events. */
const shown = ({ client_json: _client, graph_json: _graph, ...columns }: Record<string, unknown>): string =>
  JSON.stringify(columns)

function momentOf(text: unknown): number {
  const moment = typeof text !== 'string' ? NaN : /^\d+$/.test(text) ? Number(text) : Date.parse(text)
  if (!Number.isSafeInteger(moment)) throw new UsageError('--before takes milliseconds since the epoch or a date')
  return moment
}
