import { isObject, type JsonObject } from './event.ts'

/** How an event relates to an older one. https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events */
export type Relation = { parentId: string; relType: string }

/** The relation an event's content declares; replies have no type and do not count. */
export function relationOf(content: JsonObject): Relation | undefined {
  const relation = content['m.relates_to']
  if (!isObject(relation)) return undefined
  const { event_id: parentId, rel_type: relType } = relation
  return typeof parentId === 'string' && typeof relType === 'string' && !`${parentId}${relType}`.includes('\0')
    ? { parentId, relType }
    : undefined
}
