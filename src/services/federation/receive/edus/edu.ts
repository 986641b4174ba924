import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'

/** What another server says besides events; `origin` proved who it is, and speaks for its own users alone. */
export type Edu = { origin: ServerName; content: JsonObject }

/** Takes in one kind of EDU; what is not the origin's to say is left out. */
export type ReceiveEdu = (ctx: Context, edu: Edu) => Promise<void>
