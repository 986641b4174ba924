import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'

/** The effects that adding an event to a room has. */
export type AppendNeeds = Pick<Context, 'store' | 'clock' | 'bus' | 'rooms' | 'sentTransactions' | 'signingKey'>

/** An event on disk. */
export type Appended = { eventId: EventId; position: number }
