import { isObject, membershipOf, type JsonObject, type Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { stateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Act } from './acts.ts'
import type { SeededRandom } from './seeded-random.ts'

/** Who acts, among whom, and what the room looks like to them. */
export type Scene = {
  version: RoomVersion
  users: readonly UserId[]
  random: SeededRandom
  sender: UserId
  state: StateMap
  events: ReadonlyMap<EventId, Pdu>
}

/** The acts that open a room: the first user's, then the joins of all but the last quarter of the others. */
export function openingActs(version: RoomVersion, users: readonly UserId[]): Act[] {
  const [creator, ...others] = users
  const creation: JsonObject = { room_version: version.id }
  if (version.creators === 'content') creation.creator = creator!
  if (version.creators === 'sender-and-additional') creation.additional_creators = users.slice(1, 2)
  const joining = others.slice(0, Math.ceil(others.length * 0.75))
  return [
    { type: 'm.room.create', sender: creator!, state_key: '', content: creation },
    membership(creator!, creator!, 'join'),
    { type: 'm.room.power_levels', sender: creator!, state_key: '', content: openingPowerLevels(version, users) },
    { type: 'm.room.join_rules', sender: creator!, state_key: '', content: { join_rule: 'public' } },
    ...joining.map((user) => membership(user, user, 'join')),
  ]
}

function openingPowerLevels(version: RoomVersion, users: readonly UserId[]): JsonObject {
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

function membership(sender: UserId, target: UserId, value: string, more: JsonObject = {}): Act {
  return { type: 'm.room.member', sender, state_key: target, content: { membership: value, ...more } }
}

/** Something the sender might do; the rules may well forbid it. */
export function proposeAct(scene: Scene): Act {
  const { random, sender } = scene
  if (membershipIn(scene, sender) !== 'join' && random.chance(0.9)) return proposeEntry(scene)
  return random.weighted(proposals)(scene)
}

const proposals: readonly (readonly [weight: number, propose: (scene: Scene) => Act])[] = [
  [10, ({ sender, random }) => ({ type: 'm.room.message', sender, content: { body: `word ${random.below(1e6)}` } })],
  [12, ({ sender, random }) => state(sender, 'm.room.topic', { topic: `topic ${random.below(1e6)}` })],
  [4, ({ sender, random }) => state(sender, 'm.room.name', { name: `name ${random.below(1e6)}` })],
  [8, proposeNote],
  [4, ({ sender, random }) => membership(sender, sender, 'join', { displayname: `name ${random.below(100)}` })],
  [4, ({ sender }) => membership(sender, sender, 'leave')],
  [8, (scene) => membership(scene.sender, otherUser(scene), 'invite')],
  [10, (scene) => membership(scene.sender, otherUser(scene), 'leave')],
  [10, (scene) => membership(scene.sender, otherUser(scene), 'ban')],
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

function state(sender: UserId, type: string, content: JsonObject, key = ''): Act {
  return { type, sender, state_key: key, content }
}

/** State that only matters to itself, sometimes in another user's name. */
function proposeNote(scene: Scene): Act {
  const { sender, random } = scene
  const key = random.pick(['', 'a', 'b', 'c', sender, otherUser(scene)])
  return state(sender, 'org.example.note', { text: random.below(1e6) }, key)
}

function proposeEntry(scene: Scene): Act {
  const { sender, random, version } = scene
  const choice = random.below(10)
  if (choice === 0) return membership(sender, sender, 'leave')
  if (choice === 1) return membership(sender, sender, 'knock')
  const vouched = version.restricted && random.chance(0.4)
  return membership(sender, sender, 'join', vouched ? { join_authorised_via_users_server: otherUser(scene) } : {})
}

function proposeJoinRules({ sender, random, version }: Scene): Act {
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
function proposePowerLevels(scene: Scene): Act {
  const { sender, random } = scene
  const content = structuredClone(contentIn(scene, 'm.room.power_levels', '') ?? {})
  const level = random.pick([0, 0, 10, 49, 50, 50, 51, 99, 100, 100])
  if (random.chance(0.7)) {
    const users = isObject(content.users) ? content.users : {}
    const target = random.chance(0.2) ? sender : otherUser(scene)
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

function otherUser({ random, users, sender }: Scene): UserId {
  const other = random.pick(users)
  return other === sender ? users[0]! : other
}

function membershipIn(scene: Scene, user: UserId): string | undefined {
  const content = contentIn(scene, 'm.room.member', user)
  return content && membershipOf({ content })
}

function contentIn({ state, events }: Scene, type: string, key: string): JsonObject | undefined {
  const id = state.get(stateKey(type, key))
  return id === undefined ? undefined : events.get(id)?.content
}
