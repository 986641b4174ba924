import type { Batch, Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { intervalRows, membershipRows } from './event-rows.ts'
import { eventTables } from './event-tables.ts'
import type { MembersWrite, RoomWrite } from './room-write.ts'
import type { StateKeyNids } from './state-key-nids.ts'
import { writeCorrections } from './write-corrections.ts'

type Completing = RoomWrite & { members: MembersWrite; nid: number }

type Work = { writes: readonly RoomWrite[]; keyNids: StateKeyNids; takePosition: () => number }

/**
 * Writes members that a join had left out, as if they had come with it; answers the numbers of their keys. A write
 * that brings the last of them takes a position of its own.
 */
export async function writeMembers(
  engine: Engine,
  batch: Batch,
  { writes, keyNids, takePosition }: Work,
): Promise<{ keys: Map<string, number>; positions: ReadonlyMap<RoomWrite, number> }> {
  const completing = writes.filter(isCompleting)
  const keys = new Map<string, number>()
  const positions = new Map<RoomWrite, number>()
  for (const write of completing) {
    const { members, nid } = write
    const wanted = [
      ...members.entries.map(({ userId }) => ['m.room.member', userId] as const),
      ...(members.end?.intervals ?? []).map(({ type, stateKey }) => [type, stateKey] as const),
    ]
    for (const [name, key] of await keyNids.resolve(batch, wanted)) keys.set(name, key)
    await clearMarks(engine, batch, { nid, members, keys })
    await batch.write([intervalsOf(nid, members, keys), membershipsOf(nid, members)].filter(({ rows }) => rows.length))
    await writeCorrections(batch, nid, members.corrections ?? [])
    if (members.end) positions.set(write, await endWith(batch, write, { keys, position: takePosition() }))
  }
  return { keys, positions }
}

export const isCompleting = (write: RoomWrite): write is Completing =>
  write.members !== undefined && write.nid !== undefined

type End = { keys: ReadonlyMap<string, number>; position: number }

/** The room is whole from its position on, where the current state becomes what it should be. */
async function endWith(batch: Batch, { members, nid }: Completing, { keys, position }: End): Promise<number> {
  const changes = [{ event: members.end ?? { intervals: [], memberships: [] }, position, nid }]
  const { intervals, closedIntervals } = intervalRows(changes, keys)
  const tables = [
    { ...eventTables.closedIntervals, rows: closedIntervals },
    { ...eventTables.intervals, rows: intervals },
    { ...eventTables.memberships, rows: membershipRows(changes) },
  ]
  await batch.write(tables.filter(({ rows }) => rows.length > 0))
  const marks = intervals.length > 0 ? 'completed_position = ?, is_corrected = true' : 'completed_position = ?'
  const sql = `update partial_rooms set ${marks} where room_nid = ? and join_event_id = ?`
  await batch.query(sql, [position, nid, members.joinEventId])
  await batch.query('update rooms set last_position = ? where nid = ?', [position, nid])
  return position
}

type Span = { nid: number; members: MembersWrite; keys: ReadonlyMap<string, number> }

/** Of users whom we knew from before, the join said that no event holds their keys. */
async function clearMarks(engine: Engine, batch: Batch, { nid, members, keys }: Span): Promise<void> {
  const wanted = members.entries.map(({ userId }) => keys.get(nameOf(userId)) ?? 0)
  if (wanted.length === 0) return
  const [condition, bindings] = inList(engine.kind, 'key_nid', wanted)
  await batch.query(
    `delete from room_state where room_nid = ? and from_position = ? and to_position = ? and ${condition}`,
    [nid, members.from, members.from, ...bindings],
  )
}

const nameOf = (userId: string): string => `m.room.member\0${userId}`

const intervalsOf = (nid: number, { entries, from }: MembersWrite, keys: ReadonlyMap<string, number>) => ({
  ...eventTables.intervals,
  rows: entries.map(({ userId, position, to }) => [nid, keys.get(nameOf(userId)), from, to ?? null, position]),
})

const membershipsOf = (nid: number, { entries, from }: MembersWrite) => ({
  ...eventTables.memberships,
  rows: entries
    .filter(({ to }) => to === undefined)
    .map(({ userId, membership, sender }) => [
      nid,
      userId,
      membership,
      sender,
      from,
      false,
      membership === 'join' ? from : null,
    ]),
})
