import type { EventId } from '#protocol/ids.ts'
import { encodeAuth } from './auth-links.ts'
import type { Bulk } from '#store/engine/bulk.ts'
import { eventTables as tables } from './event-tables.ts'
import { statusCodes } from './events.ts'
import type { Membership } from './members.ts'
import { gapSize, noEvent, type EventWrite, type RoomWrite } from './room-write.ts'

/** An event with the position it is given. */
export type Placed = Readonly<{ event: EventWrite; position: number; nid: number }>

/** Numbers of state keys and of events in the auth index, as far as the batch names them. */
type Numbers = { keys: ReadonlyMap<string, number>; nids: ReadonlyMap<EventId, number>; now: number }

type Rows = Record<keyof typeof tables, unknown[][]>

/** All that a batch writes, in the order in which it is written. */
export function eventRows(writes: readonly RoomWrite[], placed: readonly Placed[], numbers: Numbers): Bulk[] {
  const rows: Rows = {
    ...roomRows(writes, placed),
    ...graphRows(placed, numbers),
    ...historyRows(writes, placed),
    ...intervalRows(placed, numbers.keys),
    memberships: membershipRows(placed),
    outside: lastOf(placed.flatMap(outsideRows), (row) => `${String(row[1])} ${String(row[0])}`),
    relations: placed.flatMap(({ event: { relation, sender }, position, nid }) =>
      relation ? [[relation.parentId, relation.relType, position, nid, sender]] : [],
    ),
    transactions: placed.flatMap(({ event: { transaction: t, eventId }, position }) =>
      t ? [[t.userId, t.deviceId, t.scope, t.transactionId, eventId, position, numbers.now]] : [],
    ),
    earlyRedactions: placed.flatMap(({ event: { awaits }, position, nid }) =>
      awaits === undefined ? [] : [[position, nid, awaits]],
    ),
    redactions: lastOf(placed.flatMap(redactionRows), (row) => String(row[0])),
  }
  return (Object.keys(tables) as (keyof typeof tables)[])
    .filter((name) => rows[name].length > 0)
    .map((name) => ({ ...tables[name], rows: rows[name] }))
}

type RoomTables = 'newRooms' | 'rooms' | 'joinedRooms'

function roomRows(writes: readonly RoomWrite[], placed: readonly Placed[]): Pick<Rows, RoomTables> {
  const newRooms: unknown[][] = []
  const rooms: unknown[][] = []
  const joinedRooms: unknown[][] = []
  let next = 0
  for (const write of writes) {
    const mine = placed.slice(next, (next += write.events.length))
    if (write.revision === undefined) continue
    const isNew = ({ event }: Placed) => event.status === 'accepted' && event.historyPosition === undefined
    const last = mine.findLast(isNew)?.position ?? write.lastPosition
    const tail = [JSON.stringify(write.forwardExtremities), write.depth, last]
    if (write.nid === undefined)
      newRooms.push([
        mine[0]?.nid,
        write.roomId,
        write.version,
        1,
        ...tail,
        write.isPublished ?? false,
        write.isPlaceholder ?? false,
      ])
    else {
      rooms.push([write.nid, write.revision + 1, ...tail])
      if (write.isPlaceholder === false) joinedRooms.push([write.nid, false])
    }
  }
  const nidOf = (row: unknown[]) => String(row[0])
  return { newRooms, rooms: lastOf(rooms, nidOf), joinedRooms: lastOf(joinedRooms, nidOf) }
}

type GraphTables = 'events' | 'movedEvents' | 'readmitted' | 'branches'

function graphRows(placed: readonly Placed[], { nids }: Numbers): Pick<Rows, GraphTables> {
  const rows: Pick<Rows, GraphTables> = { events: [], movedEvents: [], readmitted: [], branches: [] }
  for (const { event: e, position, nid } of placed) {
    if (e.outside) continue
    const status = statusCodes[e.status]
    if (e.branch)
      rows.branches.push([
        position,
        nid,
        e.branch.basePosition ?? position,
        e.branch.hops,
        JSON.stringify(e.branch.delta),
      ])
    const auth = e.authIds ? encodeAuth(authNids(e.authIds, nids)) : null
    if (e.movesFrom !== undefined) {
      rows.movedEvents.push([e.eventId, position, status, e.movesFrom])
      // What was rejected is not in the index.
      if (e.movesFrom > 0) rows.readmitted.push([e.eventId, auth])
      continue
    }
    rows.events.push([
      position,
      e.eventId,
      nid,
      e.type,
      e.stateKey,
      e.sender,
      e.originServerTs,
      e.clientJson,
      e.graphJson,
      status,
      auth,
    ])
  }
  return rows
}

function historyRows(
  writes: readonly RoomWrite[],
  placed: readonly Placed[],
): Pick<Rows, 'history' | 'newGaps' | 'gaps'> {
  return {
    history: placed.flatMap(({ event: { eventId, historyPosition } }) =>
      historyPosition === undefined ? [] : [[eventId, true]],
    ),
    newGaps: placed.flatMap(({ event: { gapEdges }, position, nid }) =>
      gapEdges ? [[nid, position, position - 1, position - gapSize, JSON.stringify(gapEdges)]] : [],
    ),
    gaps: writes.flatMap(({ nid, gap }) =>
      gap ? [[nid, gap.position, gap.nextPosition, JSON.stringify(gap.edges)]] : [],
    ),
  }
}

function authNids(ids: readonly EventId[], nids: ReadonlyMap<EventId, number>): number[] {
  return ids.map((id) => {
    const nid = nids.get(id)
    if (nid === undefined) throw new Error('An auth event is not stored')
    return nid
  })
}

/** What changes the state of a room at a position. */
type StateChange = Pick<Placed, 'position' | 'nid'> & { event: Pick<EventWrite, 'intervals' | 'memberships'> }

/** A key that changes twice in one batch gets both intervals, the first already closed. */
export function intervalRows(
  placed: readonly StateChange[],
  keys: ReadonlyMap<string, number>,
): Pick<Rows, 'intervals' | 'closedIntervals'> {
  const open = new Map<string, unknown[]>()
  const intervals: unknown[][] = []
  const closedIntervals: unknown[][] = []
  for (const { event, position, nid } of placed) {
    for (const { type, stateKey, entry = position, isHeld } of event.intervals ?? []) {
      const keyNid = keys.get(`${type}\0${stateKey}`)
      const replaced = open.get(`${nid} ${keyNid}`)
      if (replaced && replaced[3] === null) replaced[3] = position
      else if (!replaced && isHeld) closedIntervals.push([nid, keyNid, position])
      const interval = [nid, keyNid, position, entry === noEvent ? position : null, entry === position ? null : entry]
      open.set(`${nid} ${keyNid}`, interval)
      intervals.push(interval)
    }
  }
  return { intervals, closedIntervals }
}

/** Where a user's membership changes several times in one batch, the last row includes the effects of the others. */
export function membershipRows(placed: readonly StateChange[]): unknown[][] {
  const rows = new Map<string, { staysForgotten: boolean; joinedAt: number | null; row: unknown[] }>()
  for (const { event, position, nid } of placed)
    for (const { userId, membership, sender, previous: former } of event.memberships ?? []) {
      const key = `${nid} ${userId}`
      const earlier = rows.get(key)
      const staysForgotten = isOutside(membership) && isOutside(former) && (earlier?.staysForgotten ?? true)
      const joinedAt = membership !== 'join' ? null : former === 'join' ? (earlier?.joinedAt ?? null) : position
      const row = [nid, userId, membership, sender, position, staysForgotten, joinedAt]
      rows.set(key, { staysForgotten, joinedAt, row })
    }
  return Array.from(rows.values(), ({ row }) => row)
}

/** A forgotten room stays forgotten until the user is invited, knocks or joins again. */
const isOutside = (membership: Membership | undefined): boolean => membership === 'leave' || membership === 'ban'

const outsideRows = ({ event: { outside: o, eventId, clientJson }, position, nid }: Placed): unknown[][] =>
  o ? [[o.userId, nid, position, eventId, clientJson, o.shownState, JSON.stringify(o.servers)]] : []

const redactionRows = ({ event: { eventId, redaction: r, redacted } }: Placed): unknown[][] => [
  ...(r ? [[r.eventId, r.clientJson, r.graphJson, eventId]] : []),
  ...(redacted ? [[eventId, redacted.clientJson, redacted.graphJson, redacted.by]] : []),
]

/** PostgreSQL refuses to touch a row twice in one statement: only the last of each key counts. */
const lastOf = (rows: unknown[][], keyOf: (row: unknown[]) => string): unknown[][] => [
  ...new Map(rows.map((row) => [keyOf(row), row])).values(),
]
