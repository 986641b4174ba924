import { roomHidden } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { Worker } from '#jobs/worker.ts'
import type { RoomTurn } from '#services/rooms/live/room-turn.ts'

/** Makes every process read a room anew, or find that it is gone. */
export async function forgetLiveRoom({ bus }: Pick<Context, 'bus'>, turn: RoomTurn): Promise<void> {
  await turn.drop()
  bus.publish(roomHidden, { roomId: turn.roomId })
}

/** Drops what other processes hide, each room in its turn. */
export function startHiddenRoomsWorker({ rooms, bus }: Pick<Context, 'rooms' | 'bus'>): Worker {
  const dropping = new Set<Promise<void>>()
  const end = bus.subscribe(roomHidden, ({ roomId }) => {
    const drop = rooms.drop(roomId).finally(() => dropping.delete(drop))
    dropping.add(drop)
  })
  const settle = async () => void (await Promise.all(dropping))
  return {
    settle,
    stop: () => {
      end()
      return settle()
    },
  }
}
