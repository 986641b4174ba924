import type { EventId } from '#protocol/ids.ts'
import type { AuthNids } from './auth-nids.ts'
import type { Batch, Engine } from '#store/engine/engine.ts'
import { eventRows, type Placed } from './event-rows.ts'
import { lockInOrder } from '#store/engine/dialect.ts'
import { inList } from '#store/engine/in-list.ts'
import { gapSize, type EventWrite, type RoomWrite, type Written } from './room-write.ts'
import type { StateKeyNids } from './state-key-nids.ts'
import { isCompleting, writeMembers } from './write-members.ts'

type Work = { writes: readonly RoomWrite[]; keyNids: StateKeyNids; authNids: AuthNids; now: number }

/** Commits the writes in one transaction; a write that was built on a stale room is left out and answers undefined. */
export function writeBatch(engine: Engine, work: Work): Promise<(Written | undefined)[]> {
  const { writes, keyNids, authNids } = work
  let keys = new Map<string, number>()
  let nids = new Map<EventId, number>()
  return engine
    .batch(async (batch) => {
      // Both queries go in one message: writes that turn out stale leave harmless gaps among the positions.
      const [fresh, counters] = await Promise.all([dropStale(engine, batch, writes), takePositions(batch, writes)])
      const events = fresh.flatMap((write) => write.events)
      if (events.length === 0 && !fresh.some(isCompleting)) return { fresh, placed: [], completed: new Map() }
      keys = await keyNids.resolve(
        batch,
        events.flatMap(({ intervals = [] }) => intervals.map(({ type, stateKey }) => [type, stateKey] as const)),
      )
      const own = new Set(events.map(({ eventId }) => eventId))
      nids = await authNids.resolve(
        batch,
        events.flatMap(({ authIds = [] }) => authIds.filter((id) => !own.has(id))),
      )
      const placed = assignPositions(fresh, counters)
      for (const { event, position } of placed) if (event.authIds) nids.set(event.eventId, event.movesFrom ?? position)
      await moveIntervals(batch, placed)
      await batch.write(eventRows(fresh, placed, { keys, nids, now: work.now }))
      const completing = { writes: fresh, keyNids, takePosition: () => counters.live++ }
      const { keys: memberKeys, positions: completed } = await writeMembers(engine, batch, completing)
      for (const [name, nid] of memberKeys) keys.set(name, nid)
      return { fresh, placed, completed }
    })
    .then(({ fresh, placed, completed }) => {
      keyNids.keep(keys)
      authNids.keep(nids)
      const outcomes = outcomesOf(fresh, placed, completed)
      return writes.map((write) => outcomes.get(write))
    })
}

/** Writes whose room has the revision that they were built on; several of one room build on each other. */
async function dropStale(engine: Engine, batch: Batch, writes: readonly RoomWrite[]): Promise<RoomWrite[]> {
  const nids = [...new Set(writes.flatMap(({ nid }) => (nid === undefined ? [] : [nid])))]
  const versions = new Map<number, number>()
  if (nids.length > 0) {
    const [condition, bindings] = inList(engine.kind, 'nid', nids)
    const lock = lockInOrder(engine.kind, 'nid')
    for (const row of await batch.query(`select nid, line_version from rooms where ${condition}${lock}`, bindings))
      versions.set(Number(row.nid), Number(row.line_version))
  }
  return writes.filter(({ nid, revision }) => {
    if (nid === undefined) return true
    const version = versions.get(nid)
    if (revision === undefined) return version !== undefined
    if (version !== revision) return false
    versions.set(nid, revision + 1)
    return true
  })
}

type Counters = { live: number; outlier: number; room: number }

/** Positions are taken inside the transaction, so they appear in commit order; answers the first of each kind. */
async function takePositions(batch: Batch, writes: readonly RoomWrite[]): Promise<Counters> {
  const events = writes.flatMap((write) => write.events)
  const rooms = writes.filter(({ nid }) => nid === undefined).length
  const outliers = events.filter(({ isOutlier }) => isOutlier).length
  const history = events.filter(({ historyPosition }) => historyPosition !== undefined).length
  const gaps = events.filter(({ gapEdges }) => gapEdges).length
  const completions = writes.filter(({ members }) => members?.end).length
  const live = events.length - outliers - history + gaps * gapSize + completions
  const take = async (name: string, step: number): Promise<number> => {
    if (step === 0) return 0
    const sql = 'update streams set position = position + ? where name = ? returning position'
    const [row] = await batch.query(sql, [step, name])
    return Number(row?.position) - step
  }
  return {
    live: (await take('events', live)) + 1,
    outlier: (await take('outliers', -outliers)) - 1,
    room: (await take('rooms', rooms)) + 1,
  }
}

function assignPositions(writes: readonly RoomWrite[], next: Counters): Placed[] {
  return writes.flatMap((write) => {
    const nid = write.nid ?? next.room++
    return write.events.map((event) => ({ event, position: positionOf(event, next), nid }))
  })
}

/** The positions below an event with a gap stay free. */
function positionOf({ isOutlier, historyPosition, gapEdges }: EventWrite, next: Counters): number {
  if (isOutlier) return next.outlier--
  if (historyPosition !== undefined) return historyPosition
  if (gapEdges) next.live += gapSize
  return next.live++
}

/**
 * State intervals of outliers follow them into the timeline; rare, since only the state that came with a join consists
 * of outliers. What stood for the state before an event that was rejected goes with its place.
 */
async function moveIntervals(batch: Batch, placed: readonly Placed[]): Promise<void> {
  for (const { event, position, nid } of placed) {
    if (event.movesFrom !== undefined && event.movesFrom > 0)
      await batch.query('delete from event_branches where position = ?', [event.movesFrom])
    if (event.movesFrom === undefined || event.stateKey === null) continue
    await batch.query(
      `update room_state set event_position = ? where room_nid = ? and event_position = ?
        and key_nid = (select nid from state_keys where type = ? and state_key = ?)`,
      [position, nid, event.movesFrom, event.type, event.stateKey],
    )
  }
}

function outcomesOf(
  writes: readonly RoomWrite[],
  placed: readonly Placed[],
  completed: ReadonlyMap<RoomWrite, number>,
): Map<RoomWrite, Written> {
  let next = 0
  return new Map(
    writes.map((write) => {
      const mine = placed.slice(next, (next += write.events.length))
      const at = completed.get(write)
      const positions = at === undefined ? mine.map(({ position }) => position) : [at]
      return [write, { nid: mine[0]?.nid ?? write.nid ?? 0, positions }]
    }),
  )
}
