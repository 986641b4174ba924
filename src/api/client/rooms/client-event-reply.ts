import { Type } from '@sinclair/typebox'
import { EventIdText, RoomIdText, UserIdText } from '#api/ids.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#room-event-format */
export const ClientEventReply = Type.Object({
  event_id: EventIdText,
  room_id: RoomIdText,
  type: Type.String(),
  sender: UserIdText,
  origin_server_ts: Type.Integer(),
  state_key: Type.Optional(Type.String()),
  content: Type.Record(Type.String(), Type.Unknown()),
  unsigned: Type.Record(Type.String(), Type.Unknown()),
})

/** The members of a JSON object from texts that are JSON already; absent ones are left out. */
export const jsonObject = (members: Record<string, string | undefined>): string =>
  `{${Object.entries(members)
    .flatMap(([name, json]) => (json === undefined ? [] : [`${JSON.stringify(name)}:${json}`]))
    .join(',')}}`

export const jsonArray = (items: readonly string[]): string => `[${items.join(',')}]`
