import type { JsonObject } from '#protocol/events/event.ts'
import { relationOf } from '#protocol/events/relation.ts'
import type { StoredEvent } from '#store/rooms/events.ts'

/**
 * Whether a thread may begin at the event: not where it relates to another itself.
 * https://spec.matrix.org/v1.19/client-server-api/#validation-of-mthread-relationships
 */
export const mayRootThread = ({ clientJson }: Pick<StoredEvent, 'clientJson'>): boolean =>
  !clientJson.includes('"m.relates_to"') ||
  relationOf((JSON.parse(clientJson) as { content: JsonObject }).content) === undefined
