/** Whether a write failed because the room moved on in another process; services know store errors by name only. */
export const isStaleRoom = (error: unknown): boolean => error instanceof Error && error.name === 'StaleRoomError'
