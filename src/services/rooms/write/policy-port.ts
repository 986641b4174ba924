import type { Pdu } from '#protocol/events/event.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/**
 * Has an event of this server signed by the room's Policy Server, if it uses one: the signature is added to the event.
 * Throws what that server answers where it refuses.
 */
export type SignByPolicy = (room: LiveRoom, event: { pdu: Pdu }) => Promise<void>
