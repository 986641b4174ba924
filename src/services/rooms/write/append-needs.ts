import type { Context } from '#context.ts'
import type { EventId } from '#protocol/ids.ts'

/** The effects that adding an event to a room has. */
export type AppendNeeds = Pick<Context, 'store' | 'clock' | 'bus' | 'rooms' | 'sentTransactions' | 'signingKey'>

/** Those of doing so once, however often it is asked for. */
export type AppendOnceNeeds = AppendNeeds & Pick<Context, 'locks'>

/** An event on disk. */
export type Appended = { eventId: EventId; position: number }
