import type { EventId } from '#protocol/ids.ts'

/**
 * What became of an event. `known`: it was here before. `dropped`: it is none, or not who it claims to be from; nothing
 * is kept. `unresolved`: previous events or auth events could not be had; nothing is kept, and it may be sent again.
 */
export type ReceiveResult = {
  eventId: EventId | undefined
  outcome: 'accepted' | 'soft-failed' | 'rejected' | 'known' | 'dropped' | 'unresolved'
  reason?: string
}
