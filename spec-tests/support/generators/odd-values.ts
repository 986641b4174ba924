import fc from 'fast-check'
import { testPassword } from '../server/client.ts'

/** Names that stand for what the sender of a request has at that time: itself, and a room with an event. */
export const placeholders = {
  user: 'PLACEuser',
  device: 'PLACEdevice',
  room: 'PLACEroom',
  event: 'PLACEevent',
} as const

/** Ids and names that exist, by the name of the parameter or key they fit. */
export type Known = Readonly<Record<string, readonly string[]>>

/** Texts that programs tend to stumble over. */
export const oddText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom('', ' ', '\0', 'a\0b', '\ud800', 'a\udfffb', '__proto__', 'constructor', 'toString', '*', '?', '%'),
  fc.constantFrom('..', '/', 'a/b', '"', "'", '\\', '\n', '\u{1f600}', '\u202e', 'İ', 'ﬃ', '-1', '1e9', 'null'),
  fc.constantFrom('@', '!', '$', '#', '@:', '@a:', '@:test', '#:test', '!:test', '$:test', '@a:[::1]:70000'),
  fc.constantFrom('9007199254740993', '-9223372036854775809', '99999999999999999999', 's', 's1_2_3', 't0-0', '0_0_0'),
  fc.constantFrom('x'.repeat(255), 'x'.repeat(256), 'é'.repeat(200), 'x'.repeat(3000)),
  fc.constantFrom('m.room.message', 'm.room.create', 'm.room.member', 'm.room.power_levels', 'm.room.redaction'),
  fc.string({ unit: 'binary', maxLength: 12 }),
)

export const oddNumber: fc.Arbitrary<number> = fc.oneof(
  fc.constantFrom(0, 1, -1, 10, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1, 2 ** 53, 2 ** 63),
  fc.integer(),
)

const nested = (depth: number) => {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = level % 2 ? [value] : { a: value }
  return value
}

const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, [], {}),
    oddNumber,
    oddText,
    fc.array(tie('tree'), { maxLength: 3 }),
    objectOf(oddText, tie('tree')),
  ),
}))

/** Any JSON, odd in value or in shape. */
export const oddJson: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 20, arbitrary: tree },
  { weight: 1, arbitrary: fc.constantFrom(nested(90), nested(250)) },
)

/** An object with own keys, whatever they are called. */
export function objectOf(key: fc.Arbitrary<string>, value: fc.Arbitrary<unknown>, maxLength = 3) {
  return fc.array(fc.tuple(key, value), { maxLength }).map((entries) => Object.fromEntries(entries))
}

/** Text that fits the name, text that fits another, or odd text. */
export function textFor(name: string, known: Known): fc.Arbitrary<string> {
  const fitting = known[name.replaceAll('_', '').toLowerCase()]
  const all = Object.values(known).flat()
  return fc.oneof(
    { weight: 24, arbitrary: fitting ? fc.constantFrom(...fitting) : oddText },
    { weight: 1, arbitrary: fc.constantFrom(...all) },
    { weight: 2, arbitrary: oddText },
  )
}

/** What clients put where the specification allows any object. */
function usualObjects(known: Known): object[] {
  const { user, room, event } = placeholders
  return [
    { msgtype: 'm.text', body: 'hello', 'm.mentions': { user_ids: [user], room: true } },
    { body: 'x', 'm.relates_to': { rel_type: 'm.thread', event_id: event, 'm.in_reply_to': { event_id: event } } },
    { 'm.relates_to': { rel_type: 'm.annotation', event_id: event, key: '👍' } },
    { 'm.new_content': { body: 'y' }, 'm.relates_to': { rel_type: 'm.replace', event_id: event } },
    { membership: 'invite', displayname: 'A', avatar_url: 'mxc://test/a', third_party_invite: { signed: {} } },
    { membership: 'join', join_authorised_via_users_server: user },
    { users: { [user]: 100 }, events: { 'm.room.name': 50 }, ban: 50, invite: 0, notifications: { room: 50 } },
    { join_rule: 'restricted', allow: [{ type: 'm.room_membership', room_id: room }] },
    { alias: known.roomalias?.[0], alt_aliases: [known.roomalias?.[0]] },
    { history_visibility: 'shared', guest_access: 'can_join', algorithm: 'm.megolm.v1.aes-sha2' },
    { allow: ['*'], deny: ['evil.example'], allow_ip_literals: false },
    { body: 'This room moved', replacement_room: room, type: 'm.space', predecessor: { room_id: room } },
    { redacts: event, reason: 'spam', url: 'mxc://test/b', name: 'n', topic: 't', 'm.topic': { 'm.text': [] } },
    { room: { timeline: { limit: 5, types: ['m.*'], not_senders: [user] }, rooms: [room] }, event_fields: ['a.b'] },
    { presence: { types: [] }, account_data: { limit: 1 }, event_format: 'client', lazy_load_members: true },
    { conditions: [{ kind: 'event_match', key: 'content.body', pattern: 'x*' }], actions: ['notify'], pattern: 'x' },
    { [user]: { DEVICE: { ciphertext: 'x' } } },
    { type: 'm.login.password', identifier: { type: 'm.id.user', user }, password: testPassword },
  ]
}

/** A usual object, as it is or with something odd somewhere inside. */
export function objectFor(known: Known): fc.Arbitrary<unknown> {
  const usual = fc.constantFrom(...usualObjects(known))
  const path = fc.array(fc.nat(9), { maxLength: 4 })
  const spoiled = fc.tuple(usual, path, oddJson).map(([object, places, odd]) => replaced(object, places, odd))
  return fc.oneof({ weight: 4, arbitrary: usual }, { weight: 4, arbitrary: spoiled }, { weight: 1, arbitrary: oddJson })
}

/** The value with another one at the end of the way that the numbers describe. */
function replaced(value: unknown, [place, ...rest]: readonly number[], by: unknown): unknown {
  if (place === undefined || typeof value !== 'object' || value === null) return by
  const entries = Object.entries(value)
  if (entries.length === 0) return by
  const changed = entries.map(([key, item], at): [string, unknown] =>
    at === place % entries.length ? [key, replaced(item, rest, by)] : [key, item],
  )
  return Array.isArray(value) ? changed.map(([, item]) => item) : Object.fromEntries(changed)
}
