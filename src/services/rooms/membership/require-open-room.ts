import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'

/** Refuses rooms that an administrator has closed: nobody may enter them, or ask to, by whatever way. */
export async function requireOpenRoom({ store }: Pick<Context, 'store'>, roomId: RoomId): Promise<void> {
  if (await store.rooms.purges.isClosed(roomId)) throw forbidden('The room is closed on this server')
}
