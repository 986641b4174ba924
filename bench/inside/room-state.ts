import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { systemClock } from '#base/clock.ts'
import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { JsonObject, JsonValue, UnsignedPdu } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { startRoom } from '#services/rooms/write/append.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { readDisk } from '../support/disk.ts'
import { withReceiver, type Receiver } from '../support/receiver.ts'
import { keyOf } from '../../spec-tests/support/generators/server-keys.ts'
import { version } from '../support/remote-room.ts'
import { percentiles, processFigures, round } from '../support/statistics.ts'
import type { Figures, InsideWorkload } from '../support/workload.ts'

const roomId: RoomId = '!room:home'
const creator: UserId = '@creator:home'
const bookkeeping = ['room_state', 'event_branches'] as const

/** What keeping room state costs, and what other schemes would have written for the same. To reach: 200 bytes. */
export const roomState: InsideWorkload = {
  summary: 'bytes for each of as many state changes as --members, one in twenty on a fork that the next event joins',
  defaults: { members: 2000 },
  run: ({ members }, database) =>
    withReceiver(database, async (receiver) => {
      await fill(receiver, members)
      const before = await sizes(receiver.database)
      const durations = await change(receiver, members)
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

async function fill({ ctx }: Receiver, members: number): Promise<void> {
  await startRoom(ctx, { roomId, version }, [
    { type: 'm.room.create', stateKey: '', sender: creator, content: { room_version: version.id } },
    { type: 'm.room.member', stateKey: creator, sender: creator, content: { membership: 'join' } },
    { type: 'm.room.power_levels', stateKey: '', sender: creator, content: { users: { [creator]: 100 }, state_default: 0 } },
    { type: 'm.room.join_rules', stateKey: '', sender: creator, content: { join_rule: 'public' } },
  ]) // prettier-ignore
  for (let user = 0; user < members; user++) {
    const sender: UserId = `@u${user}:away`
    const prevs = [...(await ctx.rooms.get(roomId)).forwardExtremities]
    await receive(ctx, { type: 'm.room.member', key: sender, sender, content: { membership: 'join' }, prevs })
  }
}

/** Milliseconds that each change took, in sequence and on forks. */
async function change({ ctx }: Receiver, count: number): Promise<{ plain: number[]; forked: number[] }> {
  const durations = { plain: [] as number[], forked: [] as number[] }
  let parent: EventId | undefined
  for (let number = 0; number < count; number++) {
    const { forwardExtremities } = await ctx.rooms.get(roomId)
    const isFork = number % 20 === 19 && parent !== undefined
    const start = performance.now()
    await receive(ctx, {
      type: 'org.example.note',
      key: `${number % 500}`,
      sender: `@u${number}:away`,
      content: { number },
      prevs: isFork && parent ? [parent] : [...forwardExtremities],
    })
    durations[isFork ? 'forked' : 'plain'].push(performance.now() - start)
    parent = forwardExtremities[0]
  }
  return durations
}

type Change = { type: string; key: string; sender: UserId; content: JsonObject; prevs: readonly EventId[] }

async function receive(ctx: Receiver['ctx'], change: Change): Promise<EventId> {
  const { id, pdu } = build(await ctx.rooms.get(roomId), change)
  const { outcome, reason } = await receiveEvent(ctx, { origin: 'away', roomId, pdu })
  if (outcome !== 'accepted') throw new Error(`${outcome}: ${reason}`)
  return id
}

/** An event of the other server, authorized by the current state. */
function build(room: LiveRoom, { type, key, sender, content, prevs }: Change): { id: EventId; pdu: JsonValue } {
  const draft = { type, sender, state_key: key, content }
  const auth = authEventKeys(draft, version).flatMap(([of, at]) => room.entry(of, at)?.eventId ?? [])
  const unsigned: UnsignedPdu = {
    ...draft,
    room_id: roomId,
    origin_server_ts: systemClock.now(),
    depth: room.depth + 1,
    prev_events: [...prevs],
    auth_events: auth,
  }
  const pdu = signEvent(unsigned, version, keyOf('away'))
  return { id: eventId(pdu, version), pdu: pdu as unknown as JsonValue }
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
  const room = await ctx.rooms.get(roomId)
  const page = { roomNid: room.nid ?? 0, from: 1, direction: 'forwards', limit: 1 } as const
  const [oldest] = await ctx.store.rooms.events.page(page)
  const start = performance.now()
  if (oldest) await diffFromCurrent(ctx, room, await stateBefore(ctx, oldest))
  return round(performance.now() - start)
}
