import type { JsonObject } from '#protocol/events/event.ts'
import type { StoredEvent } from '#store/rooms/events.ts'

/** What a filter looks at; the content is parsed only for filters that look into it. */
export const filterable = ({ type, sender, clientJson }: Pick<StoredEvent, 'type' | 'sender' | 'clientJson'>) => ({
  type,
  sender,
  get content(): JsonObject {
    return (JSON.parse(clientJson) as { content: JsonObject }).content
  },
})
