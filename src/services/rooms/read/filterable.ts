import type { JsonObject } from '#protocol/events/event.ts'
import type { CompiledRoomEventFilter } from '#protocol/filters/filter.ts'
import type { StoredEvent } from '#store/rooms/events.ts'

type Filterable = Pick<StoredEvent, 'type' | 'sender' | 'clientJson'>

/** Whether a filter lets an event through; the content is parsed only for filters that look into it. */
export const letsThrough = (
  { matches, readsContent }: Pick<CompiledRoomEventFilter, 'matches' | 'readsContent'>,
  event: Filterable,
): boolean => matches(readsContent ? { type: event.type, sender: event.sender, content: contentOf(event) } : event)

const contentOf = ({ clientJson }: Filterable): JsonObject =>
  (JSON.parse(clientJson) as { content: JsonObject }).content
