import type { Db } from '#store/engine/db.ts'

/** The position up to which a follower has handled each of its streams. */
export type Positions = Partial<Record<string, number>>

/** A cursor that one process holds; the fence distinguishes this hold from those before and after. */
export type LeasedCursor = Readonly<{ positions: Positions; fence: number }>

/** Times are in ms; a lease that lasts longer than `until` was taken by a clock that was ahead and does not count. */
export type CursorClaim = Readonly<{ owner: string; now: number; until: number; initial: Positions }>

type Row = { name: string; positions: string; lease_owner: string | null; lease_until: number; fence: number }

/** The stored positions of stream followers, from which any process can resume. */
export const cursors = (db: Db) => {
  const held = (name: string, fence: number) => db<Row>('cursors').where({ name, fence })

  const claim = async (name: string, { owner, now, until }: CursorClaim): Promise<LeasedCursor | undefined> => {
    const [row] = await db<Row>('cursors')
      .where({ name })
      .where(
        (free) =>
          void free
            .whereNull('lease_owner')
            .orWhere({ lease_owner: owner })
            .orWhere('lease_until', '<=', now)
            .orWhere('lease_until', '>', until),
      )
      .update({ lease_owner: owner, lease_until: until, fence: db.raw('fence + 1') as unknown as number })
      .returning(['positions', 'fence'])
    return row && { positions: JSON.parse(row.positions) as Positions, fence: Number(row.fence) }
  }

  return {
    /** Undefined while another process holds it. */
    async claim(name: string, wanted: CursorClaim): Promise<LeasedCursor | undefined> {
      const known = await claim(name, wanted)
      if (known) return known
      const made = await db<Row>('cursors')
        .insert({ name, positions: JSON.stringify(wanted.initial), lease_until: 0, fence: 0 })
        .onConflict('name')
        .ignore()
        .returning('name')
      return made.length === 1 ? claim(name, wanted) : undefined
    },

    /** Moves the cursor and renews its lease; false, with nothing written, when another process has taken it. */
    async move(
      name: string,
      fence: number,
      { positions, until }: { positions: Positions; until: number },
    ): Promise<boolean> {
      return (await held(name, fence).update({ positions: JSON.stringify(positions), lease_until: until })) === 1
    },

    /** Renews the lease; false when another process has taken the cursor. */
    async renew(name: string, fence: number, until: number): Promise<boolean> {
      return (await held(name, fence).update({ lease_until: until })) === 1
    },

    /** Releases the lease, so that another process can take the cursor at once. */
    async release(name: string, fence: number): Promise<void> {
      await held(name, fence).update({ lease_owner: null, lease_until: 0 })
    },

    /** Ends the leases of processes that are gone, for the only one there is. */
    async releaseAll(): Promise<void> {
      await db<Row>('cursors').whereNotNull('lease_owner').update({ lease_owner: null, lease_until: 0 })
    },

    async find(name: string): Promise<{ positions: Positions; leaseUntil: number } | undefined> {
      const row = await db<Row>('cursors').where({ name }).first()
      return row && { positions: JSON.parse(row.positions) as Positions, leaseUntil: Number(row.lease_until) }
    },
  }
}
