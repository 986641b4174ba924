/** What of an event survives its redaction. */
export type RedactionRules = {
  /** Keys of the event itself. */
  event: ReadonlySet<string>
  /** Keys of its content by event type; types that are not listed keep none. */
  content: ReadonlyMap<string, readonly string[] | 'everything'>
  /** Whether a membership keeps `third_party_invite.signed`. */
  thirdPartySigned: boolean
}

const powerLevelKeys = ['ban', 'events', 'events_default', 'kick', 'redact', 'state_default', 'users', 'users_default']

const eventKeysV11 = [
  ...['event_id', 'type', 'room_id', 'sender', 'state_key', 'content', 'hashes', 'signatures', 'depth'],
  ...['prev_events', 'auth_events', 'origin_server_ts'],
]

/** https://spec.matrix.org/v1.19/rooms/v1/#redactions */
export const redactionRulesV1: RedactionRules = {
  event: new Set([...eventKeysV11, 'prev_state', 'origin', 'membership']),
  content: new Map([
    ['m.room.member', ['membership']],
    ['m.room.create', ['creator']],
    ['m.room.join_rules', ['join_rule']],
    ['m.room.power_levels', powerLevelKeys],
    ['m.room.aliases', ['aliases']],
    ['m.room.history_visibility', ['history_visibility']],
  ]),
  thirdPartySigned: false,
}

/** Aliases lose their meaning. https://spec.matrix.org/v1.19/rooms/v6/#redactions */
export const redactionRulesV6 = withContent(redactionRulesV1, [['m.room.aliases', []]])

/** https://spec.matrix.org/v1.19/rooms/v8/#redactions */
export const redactionRulesV8 = withContent(redactionRulesV6, [['m.room.join_rules', ['join_rule', 'allow']]])

/** https://spec.matrix.org/v1.19/rooms/v9/#redactions */
export const redactionRulesV9 = withContent(redactionRulesV8, [
  ['m.room.member', ['membership', 'join_authorised_via_users_server']],
])

/** https://spec.matrix.org/v1.19/rooms/v11/#redactions */
export const redactionRulesV11: RedactionRules = {
  ...withContent(redactionRulesV9, [
    ['m.room.create', 'everything'],
    ['m.room.power_levels', [...powerLevelKeys, 'invite']],
    ['m.room.redaction', ['redacts']],
  ]),
  event: new Set(eventKeysV11),
  thirdPartySigned: true,
}

type ContentRule = readonly [type: string, kept: readonly string[] | 'everything']

function withContent(rules: RedactionRules, changes: readonly ContentRule[]): RedactionRules {
  return { ...rules, content: new Map([...rules.content, ...changes]) }
}
