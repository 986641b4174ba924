import type { Pdu } from '#protocol/events/event.ts'

export type HistoryVisibility = 'world_readable' | 'shared' | 'invited' | 'joined'

/** The room and the reader just before and just after an event, which differ only when the event changes them. */
export type ReaderAtEvent = {
  visibilityBefore: HistoryVisibility
  visibilityAfter: HistoryVisibility
  /** Undefined where the reader had nothing to do with the room yet. */
  membershipBefore: string | undefined
  membershipAfter: string | undefined
  /** Whether the reader joined at any point after the event. */
  joinedSince: boolean
}

/** What the room's `m.room.history_visibility` says; `shared` when there is none or its value is unknown. */
export function historyVisibilityOf(event: Pick<Pdu, 'content'> | undefined): HistoryVisibility {
  const visibility = event?.content.history_visibility
  return visibility === 'world_readable' || visibility === 'invited' || visibility === 'joined' ? visibility : 'shared'
}

/** Whether the user may see the event. https://spec.matrix.org/v1.19/client-server-api/#room-history-visibility */
export function mayReadEvent(reader: ReaderAtEvent): boolean {
  const { visibilityBefore, visibilityAfter, membershipBefore, membershipAfter, joinedSince } = reader
  return [visibilityBefore, visibilityAfter].some((visibility) =>
    [membershipBefore, membershipAfter].some((membership) => mayRead(visibility, membership, joinedSince)),
  )
}

/**
 * Whether a server in the room may be sent the event: some user of it may have read the event, or may yet when joining.
 * `memberships` are those of the server's users at the event.
 */
export function mayServerRead(visibility: HistoryVisibility, memberships: Iterable<string>): boolean {
  if (visibility === 'world_readable' || visibility === 'shared') return true
  for (const membership of memberships) if (mayRead(visibility, membership, false)) return true
  return false
}

function mayRead(visibility: HistoryVisibility, membership: string | undefined, joinedSince: boolean): boolean {
  // 1
  if (visibility === 'world_readable') return true
  // 2
  if (membership === 'join') return true
  // 3
  if (visibility === 'shared' && joinedSince) return true
  // 4 and 5
  return visibility === 'invited' && membership === 'invite'
}
