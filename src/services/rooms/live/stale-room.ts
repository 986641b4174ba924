/** Whether a write failed because the room moved on in another process; services know store errors by name only. */
export const isStaleRoom = (error: unknown): boolean => error instanceof Error && error.name === 'StaleRoomError'

/** Lets `retryWhileStale` try again what failed because another process had written the same event first. */
export const staleRoom = (cause: unknown): Error =>
  Object.assign(new Error('The event is stored already', { cause }), { name: 'StaleRoomError' })

const maxAttempts = 5

/** Tries again, a few times, what failed because the room moved on; `work` must read the room anew. */
export async function retryWhileStale<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!isStaleRoom(error) || attempt === maxAttempts) throw error
    }
  }
}
