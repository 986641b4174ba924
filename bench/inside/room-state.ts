import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { openRemoteRoom } from '#services/federation/receive/open-remote-room.ts'
import type { ReceiveResult } from '#services/federation/receive/ports.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { readDisk } from '../support/disk.ts'
import { withReceiver, type Receiver } from '../support/receiver.ts'
import { member, state } from '../../spec-tests/support/generators/acts.ts'
import { openedRoom } from '../../spec-tests/support/generators/opened-room.ts'
import type { TestRoom } from '../../spec-tests/support/generators/test-room.ts'
import { version } from '../support/remote-room.ts'
import { percentiles, processFigures, round } from '../support/statistics.ts'
import type { Figures, InsideWorkload } from '../support/workload.ts'

const roomId: RoomId = '!room:away'
const creator: UserId = '@creator:away'
const bookkeeping = ['room_state', 'event_branches'] as const

/** What keeping room state costs, and what other schemes would have written for the same. To reach: 200 bytes. */
export const roomState: InsideWorkload = {
  summary: 'bytes for each of as many state changes as --members, one in twenty on a fork that the next event joins',
  defaults: { members: 2000 },
  run: ({ members }, database) =>
    withReceiver(database, async (receiver) => {
      const room = await fill(receiver, members)
      const before = await sizes(receiver.database)
      const durations = await change(receiver, room, members)
      const after = await sizes(receiver.database)
      const figures: Figures = { changes: members }
      for (const [name, bytes] of after)
        figures[`${name}_bytes_per_change`] = round((bytes - (before.get(name) ?? 0)) / members)
      return {
        ...figures,
        ...alternatives(receiver.folder, members),
        ...percentiles(durations.plain, 'on_line'),
        ...percentiles(durations.forked, 'fork'),
        oldest_state_ms: await readOldest(receiver),
        ...processFigures(process.pid),
      }
    }),
}

/** A room of another server with so many members, received event by event. */
async function fill({ ctx }: Receiver, members: number): Promise<TestRoom> {
  const room = openedRoom(version.id, { creator, roomId, ruled: false, levels: { state_default: 0 } })
  demand(await openRemoteRoom(ctx, { roomId, version, create: room.json(room.order[0]!) }))
  for (const id of room.order.slice(1)) await receive(ctx, room, id)
  for (let user = 0; user < members; user++) {
    const sender: UserId = `@u${user}:away`
    await receive(ctx, room, room.add(member(sender, sender, 'join')))
  }
  return room
}

/** Milliseconds that each change took, in sequence and on forks. */
async function change(
  { ctx }: Receiver,
  room: TestRoom,
  count: number,
): Promise<{ plain: number[]; forked: number[] }> {
  const durations = { plain: [] as number[], forked: [] as number[] }
  let parent: EventId | undefined
  for (let number = 0; number < count; number++) {
    const { forwardExtremities } = await liveRoom(ctx)
    const isFork = number % 20 === 19 && parent !== undefined
    const start = performance.now()
    const act = state(`@u${number}:away`, 'org.example.note', { number }, `${number % 500}`)
    const prevs = isFork && parent ? [parent] : forwardExtremities
    await receive(ctx, room, room.add(act, { prevs }))
    durations[isFork ? 'forked' : 'plain'].push(performance.now() - start)
    parent = forwardExtremities[0]
  }
  return durations
}

async function liveRoom({ rooms }: Receiver['ctx']): Promise<LiveRoom> {
  const room = await rooms.findStored(roomId)
  if (!room) throw new Error('The room was not opened')
  return room
}

async function receive(ctx: Receiver['ctx'], room: TestRoom, id: EventId): Promise<void> {
  demand(await receiveEvent(ctx, { origin: 'away', roomId, pdu: room.json(id) }))
}

function demand({ outcome, reason }: ReceiveResult): void {
  if (outcome !== 'accepted') throw new Error(`${outcome}: ${reason}`)
}

async function sizes(database: string): Promise<Map<string, number>> {
  const { tables, auth } = await readDisk(database)
  return new Map([...bookkeeping.map((name) => [name, tables.get(name) ?? 0] as const), ['auth', auth]])
}

/** The same changes as rows of other schemes in SQLite, with numbers in place of names: what they cost at the least. */
function alternatives(folder: string, members: number): Figures {
  const path = join(folder, 'other.db')
  const db = new DatabaseSync(path)
  db.exec('create table state_groups (id integer, key_nid integer, event_position integer, primary key (id, key_nid))')
  db.exec('create table snapshots (id integer primary key, positions text)')
  db.exec('begin')
  const group = db.prepare('insert into state_groups values (?, ?, ?)')
  const snapshot = db.prepare('insert into snapshots values (?, ?)')
  const everybody = JSON.stringify(Array.from({ length: members }, (_, key) => key + 100_000))
  for (let change = 0; change < members; change++) {
    if (change % 100 === 0) for (let key = 0; key < members; key++) group.run(change, key, key + 1000)
    else group.run(change, change % 500, change + 100_000)
    if (change % 20 === 0) snapshot.run(change, everybody)
  }
  db.exec('commit')
  const sizeOf = db.prepare(
    `select sum(d.pgsize) as bytes from dbstat d join sqlite_schema s on s.name = d.name where s.tbl_name = ?`,
  )
  const bytes = (table: string) => Number(sizeOf.get(table)?.bytes)
  const figures = {
    state_groups_bytes_per_change: round(bytes('state_groups') / members),
    snapshots_bytes_per_change: round(bytes('snapshots') / members),
  }
  db.close()
  return figures
}

async function readOldest({ ctx }: Receiver): Promise<number> {
  const room = await liveRoom(ctx)
  const page = { roomNid: room.nid ?? 0, from: 1, direction: 'forwards', limit: 1 } as const
  const [oldest] = await ctx.store.rooms.events.page(page)
  const start = performance.now()
  if (oldest) await diffFromCurrent(ctx, room, await stateBefore(ctx, oldest))
  return round(performance.now() - start)
}
