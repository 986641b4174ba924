import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { GraphEvent, StoredEvent } from '#store/rooms/events.ts'

type RoomOfEvent = { roomId: RoomId; version: RoomVersion }

/** Splits a PDU into the JSON that clients get as it is and the JSON that only the graph needs. */
export const splitPdu = (pdu: Pdu): { clientJson: string; graphJson: string } => ({
  clientJson: clientJsonOf(pdu),
  graphJson: graphJsonOf(pdu),
})

export const clientJsonOf = ({ content, origin_server_ts, sender, state_key, type, redacts }: Pdu): string =>
  JSON.stringify({ content, origin_server_ts, sender, state_key, type, redacts })

/** What the graph needs besides, the signatures included. */
export function graphJsonOf(pdu: Pdu): string {
  const {
    content: _content,
    origin_server_ts: _time,
    sender: _sender,
    state_key: _stateKey,
    type: _type,
    redacts: _redacts,
    room_id: _room,
    unsigned: _unsigned,
    ...graph
  } = pdu
  return JSON.stringify(graph)
}

/** The content of a stored event, parsed anew by each call. */
export const contentOf = ({ clientJson }: Pick<StoredEvent, 'clientJson'>): JsonObject =>
  (JSON.parse(clientJson) as { content: JsonObject }).content

/** The JSON text of the same PDU, put together without parsing. */
export function storedPduText(
  { clientJson, graphJson, type }: Pick<GraphEvent, 'clientJson' | 'graphJson' | 'type'>,
  { roomId, version }: RoomOfEvent,
): string {
  const room = version.roomIdIsCreateHash && type === 'm.room.create' ? '' : `"room_id":${JSON.stringify(roomId)},`
  return `{${room}${clientJson.slice(1, -1)},${graphJson.slice(1)}`
}

/** The PDU as it was signed: every event has the room id but a create event that the room is named after. */
export function storedPdu(
  event: Pick<GraphEvent, 'clientJson' | 'graphJson' | 'type'>,
  { roomId, version }: RoomOfEvent,
): Pdu {
  const pdu = {
    ...(JSON.parse(event.clientJson) as JsonObject),
    ...(JSON.parse(event.graphJson) as JsonObject),
  } as unknown as Pdu
  if (!(version.roomIdIsCreateHash && event.type === 'm.room.create')) pdu.room_id = roomId
  return pdu
}
