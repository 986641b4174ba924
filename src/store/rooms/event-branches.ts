import type { EventId } from '#protocol/ids.ts'
import type { Db } from '#store/engine/db.ts'
import { rowsOf } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { statusOf, type EventRow, type StoredEvent } from './events.ts'

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

/** What of an event decides whether it is in the state after it. */
export type StateOfEvent = Pick<StoredEvent, 'eventId' | 'type' | 'stateKey' | 'status'>

/** The branch of an event, with the event itself. */
export type BranchLink = Readonly<{ branch: Branch; event: StateOfEvent }>

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

  /**
   * The branches of the events at some positions, each followed by those that it builds on, down to the one without
   * hops. One query, since a long fork would take two for every hop.
   */
  async chains(positions: readonly number[]): Promise<Map<number, BranchLink[]>> {
    const chains = new Map<number, BranchLink[]>()
    if (positions.length === 0) return chains
    const [condition, bindings] = inList(kind, 'b.position', positions)
    const columns = 'b.position, b.base_position, b.hops, b.delta'
    const sql = `with recursive chain (top, branch_position, base_position, hops, delta) as (
        select b.position, ${columns} from event_branches b where ${condition}
        union all
        select c.top, ${columns} from chain c join event_branches b on b.position = c.base_position
          where c.hops > 0 and b.hops < c.hops)
      select c.top, c.base_position, c.hops, c.delta, e.event_id, e.type, e.state_key, e.status
        from chain c join events e on e.position = c.branch_position order by c.top, c.hops desc`
    for (const row of rowsOf<ChainRow>(await db.raw(sql, bindings))) {
      const top = Number(row.top)
      const link = { branch: fromRow(row), event: stateOf(row) }
      const chain = chains.get(top)
      if (chain) chain.push(link)
      else chains.set(top, [link])
    }
    return chains
  },
})

type ChainRow = Pick<EventRow, 'event_id' | 'type' | 'state_key' | 'status'> &
  Pick<Row, 'base_position' | 'hops' | 'delta'> & { top: number }

const stateOf = (row: ChainRow): StateOfEvent => ({
  eventId: row.event_id,
  type: row.type,
  stateKey: row.state_key,
  status: statusOf(row.status),
})

const fromRow = (row: Pick<Row, 'base_position' | 'hops' | 'delta'>): Branch => ({
  basePosition: Number(row.base_position),
  hops: row.hops,
  delta: JSON.parse(row.delta) as BranchDelta,
})
