import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'

/** Refuses joins and knocks of rooms that an administrator has blocked. */
export async function requireOpenRoom({ store }: Pick<Context, 'store'>, roomId: RoomId): Promise<void> {
  if (await store.rooms.purges.isClosed(roomId)) throw forbidden('The room is closed on this server')
}
