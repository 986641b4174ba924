import type { EventId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** State key to the event that holds it instead; null: none. */
export type BranchDelta = readonly (readonly [type: string, stateKey: string, eventId: EventId | null])[]

/** The state before an event that forks off. */
export type Branch = Readonly<{
  /**
   * Without hops: the current state just after this position, which may be the event's own. With hops: the state after the event at this
   * position, which has that many branches below it and one less hop.
   */
  basePosition: number
  hops: number
  delta: BranchDelta
}>

type Row = { position: number; room_nid: number; base_position: number; hops: number; delta: string }

/** Bounded by the events that fork; a row is deleted with its event. */
export const eventBranches = (db: Db, kind: Engine['kind']) => ({
  /** The branches of the events at some positions; events that do not fork off have none. */
  async findMany(positions: readonly number[]): Promise<Map<number, Branch>> {
    if (positions.length === 0) return new Map()
    const rows = await db<Row>('event_branches')
      .whereRaw(...inList(kind, 'position', positions))
      .select('*')
    return new Map(rows.map((row) => [Number(row.position), fromRow(row)]))
  },
})

const fromRow = (row: Row): Branch => ({
  basePosition: Number(row.base_position),
  hops: row.hops,
  delta: JSON.parse(row.delta) as BranchDelta,
})
