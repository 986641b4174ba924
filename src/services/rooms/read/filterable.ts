import type { JsonObject } from '#protocol/events/event.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { StoredEvent } from '#store/rooms/events.ts'

type Filterable = Pick<StoredEvent, 'type' | 'sender' | 'clientJson'>

/** Whether a filter lets an event through; the content is parsed only for filters that look into it. */
export const letsThrough = (
  { matches, readsContent }: Pick<CompiledRoomEventFilter, 'matches' | 'readsContent'>,
  event: Filterable,
): boolean => matches(readsContent ? { type: event.type, sender: event.sender, content: contentOf(event) } : event)

/** The same for an event of this room, where the filter may leave out rooms or everything. */
export const showsIn = (roomId: RoomId, filter: CompiledRoomEventFilter, event: Filterable): boolean =>
  !filter.matchesNothing && filter.matchesRoom(roomId) && letsThrough(filter, event)

const contentOf = ({ clientJson }: Filterable): JsonObject =>
  (JSON.parse(clientJson) as { content: JsonObject }).content
