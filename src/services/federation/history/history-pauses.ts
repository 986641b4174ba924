import { recentMap } from '#base/recent-map.ts'
import type { RoomId } from '#protocol/ids.ts'

const pauseMs = 60_000
const maxRooms = 10_000

/** Rooms whose history could not be had a moment ago: readers do not wait for the same servers over and over. */
export class HistoryPauses {
  readonly #until = recentMap<RoomId, number>(maxRooms)

  isPaused(roomId: RoomId, now: number): boolean {
    return (this.#until.get(roomId) ?? 0) > now
  }

  pause(roomId: RoomId, now: number): void {
    this.#until.set(roomId, now + pauseMs)
  }
}
