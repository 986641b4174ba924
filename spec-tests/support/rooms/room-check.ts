import assert from 'node:assert/strict'
import type { Context } from '#context.ts'
import { checkLostTransactions } from '#services/rooms/verify/transactions.ts'
import { openStore } from '#store/open.ts'
import { checkRoom } from '#services/rooms/verify/check-room.ts'

export { checkRoom }

/** The same of a database, beside its server or after it. */
export async function assertDatabaseIsRight({ url }: { url: string }): Promise<void> {
  const store = await openStore({ url, poolSize: 2, now: () => 0 })
  await assertRoomsAreRight({ store }).finally(() => store.close())
}

/** Fails unless everything that the server derives from its rooms' events is what those events say. */
export async function assertRoomsAreRight({ store }: Pick<Context, 'store'>): Promise<void> {
  for (const { roomId } of await store.rooms.rooms.list()) assert.deepEqual(await checkRoom({ store }, roomId), [])
  assert.deepEqual(await checkLostTransactions(store), [])
}
