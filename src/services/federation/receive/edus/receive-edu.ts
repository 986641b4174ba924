import type { Context } from '#context.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'

/** What another server says besides events; `origin` proved who it is, and speaks for its own users alone. */
export type Edu = { origin: ServerName; content: JsonObject }

/** Takes in one kind of EDU; what is not the origin's to say is left out. */
export type ReceiveEdu = (ctx: Context, edu: Edu) => Promise<void>

/** By type. */
const kinds: Readonly<Record<string, ReceiveEdu>> = {}

/** Takes in an EDU of another server; never throws for what it is like, and what it cannot be used for is left out. */
export async function receiveEdu(
  ctx: Context,
  { origin, edu }: { origin: ServerName; edu: JsonValue },
  receivers: Readonly<Record<string, ReceiveEdu>> = kinds,
): Promise<void> {
  if (!isObject(edu)) return
  const { edu_type: type, content } = edu
  if (typeof type !== 'string' || !isObject(content) || !Object.hasOwn(receivers, type)) return
  try {
    await receivers[type]?.(ctx, { origin, content })
  } catch (error) {
    ctx.log.error('an EDU failed', { origin, edu_type: type, error })
  }
}
