import type { JsonObject } from '#protocol/events/event.ts'
import type { EventDraft } from './build-event.ts'
import type { UserId } from '#protocol/ids.ts'

export type Preset = 'private_chat' | 'trusted_private_chat' | 'public_chat'

/** A state event that a client wants a new room to start with. */
export type StateEntry = { type: string; stateKey: string; content: JsonObject }

export type RoomStart = {
  creator: UserId
  creatorMember: JsonObject
  powerLevels: JsonObject
  alias?: string | undefined
  preset?: Preset | undefined
  initialState?: readonly StateEntry[] | undefined
  name?: string | undefined
  topic?: string | undefined
  invites?: readonly StateEntry[] | undefined
}

/** What follows the create event of a new room, in the order that the specification prescribes. */
export function initialEvents(start: RoomStart): EventDraft[] {
  const { creator, creatorMember, powerLevels, alias, preset, initialState = [], name, topic, invites = [] } = start
  const given = new Set(initialState.map(({ type, stateKey }) => JSON.stringify([type, stateKey])))
  const isFree = ({ type, stateKey }: StateEntry) => !given.has(JSON.stringify([type, stateKey]))
  const entries = [
    { type: 'm.room.member', stateKey: creator, content: creatorMember },
    entry('m.room.power_levels', powerLevels),
    ...(alias === undefined ? [] : [entry('m.room.canonical_alias', { alias })]),
    ...(preset ? presetState(preset).filter(isFree) : []),
    ...initialState,
    ...(name === undefined ? [] : [entry('m.room.name', { name })]),
    ...(topic === undefined ? [] : [entry('m.room.topic', topicContent(topic))]),
    ...invites,
  ]
  return entries.map((state) => ({ ...state, sender: creator }))
}

const entry = (type: string, content: JsonObject): StateEntry => ({ type, stateKey: '', content })

function presetState(preset: Preset): StateEntry[] {
  const isPublic = preset === 'public_chat'
  return [
    entry('m.room.join_rules', { join_rule: isPublic ? 'public' : 'invite' }),
    entry('m.room.history_visibility', { history_visibility: 'shared' }),
    // NOTSPEC: guests are kept out where no event lets them in; other servers make none that says so.
    ...(isPublic ? [] : [entry('m.room.guest_access', { guest_access: 'can_join' })]),
  ]
}

/** The topic for clients that show plain text, and in the form that may hold more. */
const topicContent = (topic: string): JsonObject => ({
  topic,
  'm.topic': { 'm.text': [{ body: topic, mimetype: 'text/plain' }] },
})
