import { Type, type TObject } from '@sinclair/typebox'
import type { JsonObject } from '#protocol/events/event.ts'

/** An event as servers exchange it: what it must be depends on its room's version, and services check it. */
export const EventBody = Type.Unsafe<JsonObject>({ type: 'object' })

/** The older form of some replies: the status again, and then the reply. */
export const InArray = <R extends TObject>(reply: R) => Type.Tuple([Type.Literal(200), reply])
export const inArray = <R>(reply: R): [200, R] => [200, reply]

export const AtEvent = Type.Object({ roomId: Type.Unsafe<`!${string}`>(Type.String()), eventId: Type.String() })
export const AtUser = Type.Object({ roomId: Type.Unsafe<`!${string}`>(Type.String()), userId: Type.String() })

export const TemplateReply = Type.Object({ room_version: Type.String(), event: EventBody })
