import { isObject, membershipOf, type JsonObject, type Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { member, message, openingActs, state, type Act } from './acts.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Who acts, among whom, and what the room looks like to them. */
export type Situation = {
  version: RoomVersion
  users: readonly UserId[]
  random: SeededRandom
  sender: UserId
  state: StateMap
  events: ReadonlyMap<EventId, Pdu>
}

/**
 * The acts that open a room: the first user's, then the joins of all but the last quarter of the others. `name` keeps
 * it apart from other rooms that are made alike: from version 12 a room is named by the hash of its create event.
 */
export function historyOpening(version: RoomVersion, users: readonly UserId[], name: string): Act[] {
  const [creator, ...others] = users
  const joining = others.slice(0, Math.ceil(others.length * 0.75))
  const additional = version.creators === 'sender-and-additional' && { additional_creators: users.slice(1, 2) }
  const create = { ...additional, 'org.example.name': name }
  return [
    ...openingActs(version, creator!, { create, levels: openingLevels(version, users) }),
    ...joining.map((user) => member(user, user, 'join')),
  ]
}

function openingLevels(version: RoomVersion, users: readonly UserId[]): JsonObject {
  const levels: JsonObject = {}
  for (const [index, user] of users.entries()) {
    if (version.creatorsOutrankAll && index < 2) continue
    if (index % 4 === 0) levels[user] = 100
    if (index % 4 === 1) levels[user] = 50
  }
  return {
    users: levels,
    users_default: 0,
    events_default: 0,
    state_default: 50,
    events: { 'm.room.topic': 0 },
    ban: 50,
    kick: 50,
    invite: 0,
  }
}

/** Something the sender might do; the rules may well forbid it. */
export function proposeAct(situation: Situation): Act {
  const { random, sender } = situation
  if (membershipIn(situation, sender) !== 'join' && random.chance(0.9)) return proposeEntry(situation)
  return random.weighted(proposals)(situation)
}

const proposals: readonly (readonly [weight: number, propose: (situation: Situation) => Act])[] = [
  [10, ({ sender, random }) => message(sender, `word ${random.below(1e6)}`)],
  [12, ({ sender, random }) => state(sender, 'm.room.topic', { topic: `topic ${random.below(1e6)}` })],
  [4, ({ sender, random }) => state(sender, 'm.room.name', { name: `name ${random.below(1e6)}` })],
  [8, proposeNote],
  [4, ({ sender, random }) => member(sender, sender, 'join', { displayname: `name ${random.below(100)}` })],
  [4, ({ sender }) => member(sender, sender, 'leave')],
  [8, (situation) => member(situation.sender, otherUser(situation), 'invite')],
  [10, (situation) => member(situation.sender, otherUser(situation), 'leave')],
  [10, (situation) => member(situation.sender, otherUser(situation), 'ban')],
  [16, proposePowerLevels],
  [9, proposeJoinRules],
  [
    2,
    ({ sender, random }) =>
      state(
        sender,
        'm.room.third_party_invite',
        { display_name: 'x', key_validity_url: 'https://s0.test', public_key: 'x' },
        `t${random.below(3)}`,
      ),
  ],
  [1, ({ sender }) => state(sender, 'm.room.aliases', { aliases: [] }, serverOf(sender))],
]

/** State that only matters to itself, sometimes in another user's name. */
function proposeNote(situation: Situation): Act {
  const { sender, random } = situation
  const key = random.pick(['', 'a', 'b', 'c', sender, otherUser(situation)])
  return state(sender, 'org.example.note', { text: random.below(1e6) }, key)
}

function proposeEntry(situation: Situation): Act {
  const { sender, random, version } = situation
  const choice = random.below(10)
  if (choice === 0) return member(sender, sender, 'leave')
  if (choice === 1) return member(sender, sender, 'knock')
  const vouched = version.restricted && random.chance(0.4)
  return member(sender, sender, 'join', vouched ? { join_authorised_via_users_server: otherUser(situation) } : {})
}

function proposeJoinRules({ sender, random, version }: Situation): Act {
  const rules = ['public', 'public', 'public', 'invite', 'private']
  if (version.knock) rules.push('knock')
  if (version.restricted) rules.push('restricted')
  if (version.knockRestricted) rules.push('knock_restricted')
  const rule = random.pick(rules)
  const allow = [{ type: 'm.room_membership', room_id: '!other:s0.test' }]
  return state(
    sender,
    'm.room.join_rules',
    rule.includes('restricted') ? { join_rule: rule, allow } : { join_rule: rule },
  )
}

/** Changes one number of the current power levels. */
function proposePowerLevels(situation: Situation): Act {
  const { sender, random } = situation
  const content = structuredClone(contentIn(situation, 'm.room.power_levels', '') ?? {})
  const level = random.pick([0, 0, 10, 49, 50, 50, 51, 99, 100, 100])
  if (random.chance(0.7)) {
    const users = isObject(content.users) ? content.users : {}
    const target = random.chance(0.2) ? sender : otherUser(situation)
    if (random.chance(0.2)) delete users[target]
    else users[target] = level
    content.users = users
  } else if (random.chance(0.5)) {
    content[random.pick(['ban', 'kick', 'invite', 'state_default', 'events_default', 'users_default'])] = level
  } else {
    const types = ['m.room.topic', 'm.room.join_rules', 'm.room.power_levels', 'org.example.note', 'm.room.message']
    content.events = { ...(isObject(content.events) ? content.events : {}), [random.pick(types)]: level }
  }
  return state(sender, 'm.room.power_levels', content)
}

function otherUser({ random, users, sender }: Situation): UserId {
  const other = random.pick(users)
  return other === sender ? users[0]! : other
}

function membershipIn(situation: Situation, user: UserId): string | undefined {
  const content = contentIn(situation, 'm.room.member', user)
  return content && membershipOf({ content })
}

function contentIn({ state, events }: Situation, type: string, key: string): JsonObject | undefined {
  const id = state.get(stateKey(type, key))
  return id === undefined ? undefined : events.get(id)?.content
}
