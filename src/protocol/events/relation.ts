import { isObject, type JsonObject, type JsonValue } from './event.ts'
import { fitsId, type EventId } from '#protocol/ids.ts'

/** How an event relates to an older one. https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events */
export type Relation = { parentId: EventId; relType: string }

/** The relation an event's content declares; replies have no type and do not count. */
export function relationOf(content: JsonObject): Relation | undefined {
  const relation = content['m.relates_to']
  if (!isObject(relation)) return undefined
  const { event_id: parentId, rel_type: relType } = relation
  return isName(parentId) && isName(relType) ? { parentId: parentId as EventId, relType } : undefined
}

// NOTSPEC: a rel_type has no limit, but relations are looked up by it; none in use comes near that of ids.
const isName = (value: JsonValue | undefined): value is string => typeof value === 'string' && fitsId(value)
