import type { Bulk } from './bulk.ts'
import type { Batch, Engine } from './engine.ts'
import type { EventWrite, RoomWrite, Written } from './room-write.ts'
import { eventTables as tables } from './event-tables.ts'
import { statusCodes } from './events.ts'
import { inList } from './in-list.ts'
import type { StateKeyNids } from './state-key-nids.ts'

type Work = { writes: readonly RoomWrite[]; keyNids: StateKeyNids; now: number }
type Placed = { event: EventWrite; position: number; nid: number }

/** Commits the writes in one transaction; a write that was built on a stale room is left out and answers undefined. */
export function writeBatch(engine: Engine, { writes, keyNids, now }: Work): Promise<(Written | undefined)[]> {
  let resolved = new Map<string, number>()
  return engine
    .batch(async (batch) => {
      const fresh = await dropStale(engine, batch, writes)
      const events = fresh.flatMap((write) => write.events)
      if (events.length === 0) return { fresh, placed: [] }
      const opened = events.flatMap(({ type, stateKey, formerHolderFrom }) =>
        formerHolderFrom && stateKey !== null ? [[type, stateKey] as const] : [],
      )
      resolved = await keyNids.resolve(batch, opened)
      const placed = place(fresh, await takePositions(batch, events.length))
      await batch.write(operations(fresh, placed, { resolved, now }))
      return { fresh, placed }
    })
    .then(({ fresh, placed }) => {
      keyNids.keep(resolved)
      const outcomes = outcomesOf(fresh, placed)
      return writes.map((write) => outcomes.get(write))
    })
}

/** Writes whose room is where they believe it to be; several of one room build on each other. */
async function dropStale(engine: Engine, batch: Batch, writes: readonly RoomWrite[]): Promise<RoomWrite[]> {
  const nids = [...new Set(writes.flatMap(({ nid }) => (nid === undefined ? [] : [nid])))]
  const versions = new Map<number, number>()
  if (nids.length > 0) {
    const [condition, bindings] = inList(engine.kind, 'nid', nids)
    const lock = engine.kind === 'postgres' ? ' order by nid for update' : ''
    for (const row of await batch.query(`select nid, line_version from rooms where ${condition}${lock}`, bindings))
      versions.set(Number(row.nid), Number(row.line_version))
  }
  return writes.filter(({ nid, lineVersion }) => {
    if (nid === undefined) return true
    if (versions.get(nid) !== lineVersion) return false
    versions.set(nid, lineVersion + 1)
    return true
  })
}

/** Positions are taken inside the transaction, so they appear in commit order; answers the first. */
async function takePositions(batch: Batch, count: number): Promise<number> {
  const [row] = await batch.query('update streams set position = position + ? where name = ? returning position', [
    count,
    'events',
  ])
  return Number(row?.position) - count + 1
}

function place(writes: readonly RoomWrite[], first: number): Placed[] {
  let next = first
  return writes.flatMap((write) => {
    const nid = write.nid ?? next
    return write.events.map((event) => ({ event, position: next++, nid }))
  })
}

function outcomesOf(writes: readonly RoomWrite[], placed: readonly Placed[]): Map<RoomWrite, Written> {
  let next = 0
  return new Map(
    writes.map((write) => {
      const mine = placed.slice(next, (next += write.events.length))
      return [write, { nid: mine[0]?.nid ?? 0, positions: mine.map(({ position }) => position) }]
    }),
  )
}

function operations(
  writes: readonly RoomWrite[],
  placed: readonly Placed[],
  { resolved, now }: { resolved: ReadonlyMap<string, number>; now: number },
): Bulk[] {
  const { spans, closedSpans } = spanRows(placed, resolved)
  const rows: Record<keyof typeof tables, unknown[][]> = {
    ...roomRows(writes, placed),
    events: placed.map(({ event: e, position, nid }) => [
      position,
      e.eventId,
      nid,
      e.type,
      e.stateKey,
      e.sender,
      e.originServerTs,
      e.clientJson,
      e.graphJson,
      statusCodes[e.status],
    ]),
    closedSpans,
    spans,
    memberships: lastOf(placed.flatMap(membershipRow), (row) => `${String(row[0])} ${String(row[1])}`),
    relations: placed.flatMap(({ event: { relation, sender }, position, nid }) =>
      relation ? [[relation.parentId, relation.relType, position, nid, sender]] : [],
    ),
    transactions: placed.flatMap(({ event: { transaction: t, eventId }, position }) =>
      t ? [[t.userId, t.deviceId, t.scope, t.transactionId, eventId, position, now]] : [],
    ),
    redactions: lastOf(
      placed.flatMap(({ event: { redaction: r, eventId } }) =>
        r ? [[r.eventId, r.clientJson, r.graphJson, eventId]] : [],
      ),
      (row) => String(row[0]),
    ),
  }
  return (Object.keys(tables) as (keyof typeof tables)[])
    .filter((name) => rows[name].length > 0)
    .map((name) => ({ ...tables[name], rows: rows[name] }))
}

function roomRows(
  writes: readonly RoomWrite[],
  placed: readonly Placed[],
): { newRooms: unknown[][]; rooms: unknown[][] } {
  const newRooms: unknown[][] = []
  const rooms: unknown[][] = []
  let next = 0
  for (const write of writes) {
    const nid = placed[next]?.nid
    next += write.events.length
    const last = placed[next - 1]?.position
    const tail = [JSON.stringify(write.heads), write.depth, last]
    if (write.nid === undefined) newRooms.push([nid, write.roomId, write.version, 1, ...tail, false])
    else rooms.push([nid, write.lineVersion + 1, ...tail])
  }
  return { newRooms, rooms: lastOf(rooms, (row) => String(row[0])) }
}

/** A key that changes twice in one batch gets both spans, the first already closed. */
function spanRows(
  placed: readonly Placed[],
  resolved: ReadonlyMap<string, number>,
): { spans: unknown[][]; closedSpans: unknown[][] } {
  const open = new Map<string, unknown[]>()
  const spans: unknown[][] = []
  const closedSpans: unknown[][] = []
  for (const { event, position, nid } of placed) {
    if (!event.formerHolderFrom) continue
    const keyNid = resolved.get(`${event.type}\0${event.stateKey}`)
    const former = open.get(`${nid} ${keyNid}`)
    const formerFrom = former ? undefined : event.formerHolderFrom()
    if (former) former[3] = position
    if (formerFrom !== undefined) closedSpans.push([nid, keyNid, formerFrom, position])
    const span = [nid, keyNid, position, null, position]
    open.set(`${nid} ${keyNid}`, span)
    spans.push(span)
  }
  return { spans, closedSpans }
}

const membershipRow = ({ event: { membership: m }, position, nid }: Placed): unknown[][] =>
  m ? [[nid, m.userId, m.membership, m.sender, position, false]] : []

/** PostgreSQL refuses to touch a row twice in one statement: only the last of each key stands. */
const lastOf = (rows: unknown[][], keyOf: (row: unknown[]) => string): unknown[][] => [
  ...new Map(rows.map((row) => [keyOf(row), row])).values(),
]
