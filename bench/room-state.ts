import { hash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '#base/clock.ts'
import type { Context } from '#context.ts'
import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { eventId } from '#protocol/event-id.ts'
import type { JsonObject, JsonValue, UnsignedPdu } from '#protocol/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/room-version.ts'
import { signEvent } from '#protocol/signatures.ts'
import { signingKeyFromSeed } from '#protocol/signing-key.ts'
import type { MissingEvents, ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { startRoom } from '#services/rooms/append.ts'
import { RoomLines } from '#services/rooms/room-lines.ts'
import type { RoomLine } from '#services/rooms/room-line.ts'
import { SentTransactions } from '#services/rooms/sent-transactions.ts'
import { overlayOf, stateBefore } from '#services/rooms/state-before.ts'
import { openStore } from '#store/open.ts'
import { sqliteAuthBytes } from './support/disk.ts'
import { localBus } from '../src/bus/local.ts'

/**
 * What keeping room state costs: a room of many members changes its state, one change in twenty on a fork that the next
 * event joins. Beside the spans, what other schemes would have written for the same changes.
 * `node bench/room-state.ts [members] [changes]`; the figure to reach is 200 bytes for each state change.
 */

const [members = 2000, changes = 3000] = process.argv.slice(2).map(Number)
const version = roomVersion('11')!
const roomId: RoomId = '!room:home'
const keyOf = (serverName: string) =>
  signingKeyFromSeed({ serverName, keyId: 'ed25519:1' }, hash('sha256', serverName, 'base64').replace(/=+$/, ''))
const home = keyOf('home')
const away = keyOf('away')
const creator: UserId = '@creator:home'

const nothingMore: MissingEvents = {
  fetchEvents: async () => [],
  fetchMissing: async () => [],
  fetchStateIds: async () => undefined,
}

const folder = mkdtempSync(join(tmpdir(), 'myelin-room-state-'))
const store = await openStore({ url: `sqlite:${join(folder, 'm.db')}`, poolSize: 4, now: () => systemClock.now() })
const ctx: ReceiveNeeds & Pick<Context, 'config'> = {
  store,
  clock: systemClock,
  bus: localBus(),
  rooms: new RoomLines(store, 'home'),
  sentTransactions: new SentTransactions(store),
  signingKey: home,
  config: { server_name: 'home' } as Context['config'],
  findKey: async () => ({ ...away, validUntil: Infinity }),
  missingEvents: nothingMore,
}

type Change = { type: string; key: string; sender: UserId; content: JsonObject; prevs: readonly EventId[] }

/** An event of the other server, entitled by the present state. */
function build(line: RoomLine, { type, key, sender, content, prevs }: Change): { id: EventId; pdu: JsonValue } {
  const draft = { type, sender, state_key: key, content }
  const auth = authEventKeys(draft, version).flatMap(([of, at]) => line.holder(of, at)?.eventId ?? [])
  const unsigned: UnsignedPdu = {
    ...draft,
    room_id: roomId,
    origin_server_ts: systemClock.now(),
    depth: line.depth + 1,
    prev_events: [...prevs],
    auth_events: auth,
  }
  const pdu = signEvent(unsigned, version, away)
  return { id: eventId(pdu, version), pdu: pdu as unknown as JsonValue }
}

async function receive(change: Change): Promise<EventId> {
  const { id, pdu } = build(await ctx.rooms.get(roomId), change)
  const { outcome, reason } = await receiveEvent(ctx, { origin: 'away', roomId, pdu })
  if (outcome !== 'accepted') throw new Error(`${outcome}: ${reason}`)
  return id
}

const sizes = (db: DatabaseSync): Map<string, number> => {
  const sql = `select coalesce(m.tbl_name, s.name) as name, sum(s.pgsize) as bytes
    from dbstat s left join sqlite_master m on m.name = s.name group by 1`
  return new Map(
    db
      .prepare(sql)
      .all()
      .map((row) => [String(row.name), Number(row.bytes)]),
  )
}

const bookkeeping = ['room_state', 'event_branches', 'auth']
const measure = (): number[] => {
  const db = new DatabaseSync(join(folder, 'm.db'), { readOnly: true })
  const found = sizes(db).set('auth', sqliteAuthBytes(db))
  db.close()
  return bookkeeping.map((table) => found.get(table) ?? 0)
}

/** The same changes as rows of other schemes, with numbers in place of names: what they cost at the least. */
function alternatives(): { groups: number; snapshots: number } {
  const db = new DatabaseSync(join(folder, 'other.db'))
  db.exec('create table state_groups (id integer, key_nid integer, event_position integer, primary key (id, key_nid))')
  db.exec('create table snapshots (id integer primary key, positions text)')
  db.exec('begin')
  const group = db.prepare('insert into state_groups values (?, ?, ?)')
  const snapshot = db.prepare('insert into snapshots values (?, ?)')
  for (let change = 0; change < changes; change++) {
    if (change % 100 === 0) for (let key = 0; key < members; key++) group.run(change, key, key + 1000)
    else group.run(change, change % 500, change + 100_000)
    if (change % 20 === 0)
      snapshot.run(change, JSON.stringify(Array.from({ length: members }, (_, key) => key + 100_000)))
  }
  db.exec('commit')
  const found = sizes(db)
  db.close()
  return { groups: (found.get('state_groups') ?? 0) / changes, snapshots: (found.get('snapshots') ?? 0) / changes }
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

await startRoom(ctx, { roomId, version }, [
  { type: 'm.room.create', stateKey: '', sender: creator, content: { room_version: '11' } },
  { type: 'm.room.member', stateKey: creator, sender: creator, content: { membership: 'join' } },
  {
    type: 'm.room.power_levels',
    stateKey: '',
    sender: creator,
    content: { users: { [creator]: 100 }, state_default: 0 },
  },
  { type: 'm.room.join_rules', stateKey: '', sender: creator, content: { join_rule: 'public' } },
])
for (let user = 0; user < members; user++) {
  const sender: UserId = `@u${user}:away`
  const prevs = [...(await ctx.rooms.get(roomId)).heads]
  await receive({ type: 'm.room.member', key: sender, sender, content: { membership: 'join' }, prevs })
}
const before = measure()
const plain: number[] = []
const forked: number[] = []
let parent: EventId | undefined
for (let change = 0; change < changes; change++) {
  const { heads } = await ctx.rooms.get(roomId)
  const isFork = change % 20 === 19 && parent !== undefined
  const start = performance.now()
  await receive({
    type: 'org.example.note',
    key: `${change % 500}`,
    sender: `@u${change % members}:away`,
    content: { change },
    prevs: isFork && parent ? [parent] : [...heads],
  })
  ;(isFork ? forked : plain).push(performance.now() - start)
  parent = heads[0]
}
const after = measure()
const line = await ctx.rooms.get(roomId)
const [old] = await store.events.page({ roomNid: line.nid ?? 0, from: 1, direction: 'forwards', limit: 1 })
const start = performance.now()
await overlayOf(ctx, line, await stateBefore(ctx, old!))
const reading = performance.now() - start
const perChange = bookkeeping.map((table, index) => [
  table,
  Math.round(((after[index] ?? 0) - (before[index] ?? 0)) / changes),
])
console.log({
  members,
  changes,
  bytes_per_change: Object.fromEntries(perChange) as Record<string, number>,
  other_schemes_bytes_per_change: alternatives(),
  accept_on_line_ms: Number(median(plain).toFixed(2)),
  accept_fork_ms: Number(median(forked).toFixed(2)),
  state_before_oldest_ms: Number(reading.toFixed(1)),
})
await store.close()
rmSync(folder, { recursive: true })
