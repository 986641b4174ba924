import type { JsonObject, Pdu } from './event.ts'
import type { UserId } from '#protocol/ids.ts'

/** A state event without what only members of the room may know. */
export type StrippedState = { type: string; sender: UserId; state_key: string; content: JsonObject }

/** What lets people recognise a room they might enter. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
export const strippedStateTypes = [
  'm.room.create',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.join_rules',
  'm.room.canonical_alias',
  'm.room.encryption',
] as const

/** Drops all but the four keys that stripped state may have. */
export function toStrippedState({ type, sender, state_key: stateKey = '', content }: Pdu): StrippedState {
  return { type, sender, state_key: stateKey, content }
}
