import type { Pdu } from '#protocol/events/event.ts'
import type { PowerLevels } from '#protocol/rooms/power-levels.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { UserId } from '#protocol/ids.ts'

/** Why an event is not allowed: the number of the rule in its room version, and a sentence. */
export type Rejection = { rule: string; reason: string }

/** The room state against which an event is judged. */
export type AuthState = (type: string, stateKey: string) => Pdu | undefined

/** An event with all that the rules ask about. */
export type Case = { event: Pdu; version: RoomVersion; state: AuthState; create: Pdu; levels: PowerLevels }

/** A change of membership: what all its rules look at. */
export type MemberCase = Case & {
  target: UserId
  senderMembership: string | undefined
  targetMembership: string | undefined
}

/** What a rule answers when it allows the event. */
export const allowed = undefined

/** A state lookup over some events, the last of each key winning; those without state key are left out. */
export function stateFrom(events: Iterable<Pdu>): AuthState {
  const byType = new Map<string, Map<string, Pdu>>()
  for (const event of events) {
    if (event.state_key === undefined) continue
    const byKey = byType.get(event.type) ?? new Map<string, Pdu>()
    byType.set(event.type, byKey.set(event.state_key, event))
  }
  return (type, stateKey) => byType.get(type)?.get(stateKey)
}
