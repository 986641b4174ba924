import type { Batch } from '#store/engine/engine.ts'
import { eventTables } from './event-tables.ts'
import { statusCodes } from './events.ts'
import type { Correction } from './room-write.ts'

/** Writes what is known better of events; of those that were not allowed nothing is left that readers would find. */
export async function writeCorrections(batch: Batch, nid: number, corrections: readonly Correction[]): Promise<void> {
  for (const { position, status, branch } of corrections) {
    if (status === 'rejected') await batch.query('update events set auth = null where position = ?', [position])
    if (status) {
      await batch.query('update events set status = ? where position = ?', [statusCodes[status], position])
      await batch.query('delete from relations where position = ?', [position])
    }
    if (!branch) continue
    await batch.query('delete from event_branches where position = ?', [position])
    const { basePosition, hops, delta } = branch
    const rows = [[position, nid, basePosition, hops, JSON.stringify(delta)]]
    await batch.write([{ ...eventTables.branches, rows }])
  }
}
