import { stateKey, splitStateKey, type StateKey } from '#protocol/state-resolution/state-map.ts'
import type { RowChange, StoredInterval } from '#store/rooms/room-check.ts'
import type { JournalSpan, StateJournal } from './state-journal.ts'
import { difference, type Subject } from './subject.ts'

const table = 'room_state'
const pageSize = 2000

/** Compares every stored state interval with what the replay found. */
export async function checkStateIntervals(subject: Subject, journal: StateJournal): Promise<RowChange[]> {
  const { store, room } = subject
  const changes: RowChange[] = []
  const numbers = new Map<StateKey, number>()
  const met = new Map<StateKey, number>()
  let after: readonly [number, number] = [0, -1]
  for (;;) {
    const page = await store.rooms.check.intervals(room.nid, { after, limit: pageSize })
    for (const interval of page) {
      // What ended before the purged history did may or may not be collected yet.
      if (interval.to !== null && interval.to <= room.purgedUpTo) continue
      const key = interval.type === null ? undefined : stateKey(interval.type, interval.stateKey ?? '')
      const wanted = key === undefined ? undefined : journal.intervals(key).find(({ from }) => from === interval.from)
      if (key !== undefined) numbers.set(key, interval.keyNid)
      if (key !== undefined && wanted) met.set(key, (met.get(key) ?? 0) + 1)
      changes.push(...spanDifference(room.nid, interval, wanted))
    }
    const last = page.at(-1)
    if (!last || page.length < pageSize) break
    after = [last.keyNid, last.from]
  }
  for (const key of journal.keys())
    if ((met.get(key) ?? 0) < journal.intervals(key).length)
      changes.push(...(await missingSpans(subject, { key, journal, number: numbers.get(key) })))
  return changes
}

const columns = ({ from, to, entry }: JournalSpan) => ({
  to_position: to,
  event_position: entry === from ? null : entry,
})

const spanDifference = (nid: number, interval: StoredInterval, wanted: JournalSpan | undefined): RowChange[] =>
  difference(
    table,
    { room_nid: nid, key_nid: interval.keyNid, from_position: interval.from },
    { stored: columns(interval), expected: wanted && columns(wanted) },
  )

type Missing = { key: StateKey; journal: StateJournal; number: number | undefined }

async function missingSpans({ store, room }: Subject, { key, journal, number }: Missing): Promise<RowChange[]> {
  const [type, name] = splitStateKey(key)
  const keyNid = number ?? (await store.rooms.check.keyNid(type, name))
  const changes: RowChange[] = []
  for (const interval of journal.intervals(key)) {
    const row = { room_nid: room.nid, key_nid: keyNid, from_position: interval.from }
    const isThere = keyNid !== undefined && (await store.rooms.check.hasSpan(room.nid, keyNid, interval.from))
    if (!isThere) changes.push({ table, key: row, stored: undefined, expected: columns(interval) })
  }
  return changes
}
