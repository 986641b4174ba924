import assert from 'node:assert/strict'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import type { JsonObject, JsonValue, Pdu } from '#protocol/events/event.ts'
import { entriesByUser, type UserId } from '#protocol/ids.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import { readEvent } from '#protocol/events/read-event.ts'
import { redact } from '#protocol/events/redaction.ts'
import { roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import { requiredSigners } from '#protocol/events/signatures.ts'
import { thirdPartyToken } from '#protocol/events/third-party-invite.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { state } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'

const signature = 'these86bytesofbase64signaturecoveressentialfieldsincludinghashessocancheckredactedpdus'
const base = {
  ...{ room_id: '!UcYsUzyxTGDxLBEvLy:example.org', sender: '@alice:example.com', origin_server_ts: 1404838188000 },
  ...{ depth: 12, type: 'm.room.message', content: { key: 'value' }, unsigned: { age: 4612 } },
  hashes: { sha256: 'thishashcoversallfieldsincasethisisredacted' },
  signatures: { 'example.com': { 'ed25519:key_version': signature } },
}
const pair = ['$af232176:example.org', { sha256: 'abase64encodedsha256hashshouldbe43byteslong' }]
const pairs = { auth_events: [pair], prev_events: [pair] }
const standard = ['$base64encodedeventid', '$adifferenteventid']
const urlSafe = ['$urlsafe_base64_encoded_eventid', '$a-different-event-id']
const v4 = { ...base, auth_events: urlSafe, prev_events: urlSafe }
const join = {
  ...v4,
  type: 'm.room.member',
  state_key: '@alice:example.com',
  content: { membership: 'join', join_authorised_via_users_server: '@arbitrary:resident.example.com' },
  signatures: { ...base.signatures, 'resident.example.com': { 'ed25519:other_key_version': 'a different signature' } },
}

/** The examples of events, and the versions in whose form they are. */
const pdus: [name: string, pdu: JsonObject, versions: string][] = [
  ['1', { ...base, event_id: '$a4ecee13e2accdadf56c1025:example.com', ...pairs }, '1-2'],
  ['3', { ...base, auth_events: standard, prev_events: standard, redacts: '$some/old+event' }, '3-11'],
  ['4', { ...v4, redacts: '$some-old_event' }, '3-11'],
  ['4 that is a join', join, '3-11'],
  ['11', v4, '3-11'],
  ['12', { ...v4, room_id: '!Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ' }, '12'],
]

describe('events, as the specification shows them,', () => {
  for (const [name, pdu, versions] of pdus)
    it(`T10 have the form of version ${name}, and of those with the same`, () => {
      const sameForm = byVersion({ [versions]: true })
      for (const version of roomVersions)
        assert.equal('pdu' in readEvent(pdu as JsonValue, version), sameForm.has(version.id), `version ${version.id}`)
    })

  it('need the signature of the server that authorises a join, from version 8', () => {
    const servers = byVersion({ '3-7': ['example.com'], '8-11': ['example.com', 'resident.example.com'] })
    for (const [id, expected] of servers)
      assert.deepEqual(requiredSigners(join as unknown as Pdu, roomVersion(id)!), expected)
  })

  it('keep of a third-party invite what is signed, from version 11', () => {
    const signed = {
      mxid: '@alice:example.org',
      signatures: {
        'magic.forest': {
          'ed25519:3': 'fQpGIW1Snz+pwLZu6sTy2aHy/DYWWTspTJRPyNp0PKkymfIsNffysMl6ObMMFdIJhk6g6pwlIqZ54rxo8SLmAg',
        },
      },
      token: 'abc123',
    }
    const content = {
      ...{ membership: 'invite', avatar_url: 'mxc://example.org/SEsfnsuifSDFSSEF', displayname: 'Alice Margatroid' },
      third_party_invite: { display_name: 'alice', signed },
    }
    const invite = { ...v4, type: 'm.room.member', state_key: '@alice:example.org', content } as unknown as Pdu
    assert.equal(thirdPartyToken(invite), 'abc123')
    const kept = { membership: 'invite', third_party_invite: { signed } }
    for (const [id, expected] of byVersion<JsonObject>({ '3-10': { membership: 'invite' }, '11-12': kept }))
      assert.deepEqual(redact(invite, roomVersion(id)!).content, expected)
  })
})

type LevelsExample = { content: string; versions: string; read: Record<UserId, number>; rule: Record<string, string> }

const levels: Record<string, LevelsExample> = {
  strings: {
    content: `{"ban": "50", "events": {"m.room.power_levels": "100"}, "events_default": "0", "state_default": "50",
      "users": {"@example:localhost": "100"}, "users_default": "0"}`,
    versions: '1-9',
    read: { '@example:localhost': 100, '@else:localhost': 0 },
    rule: { '10-11': '9.1', '12': '10.1' },
  },
  fractions: {
    content: `{"ban": 50, "events": {"m.room.power_levels": 100}, "events_default": 0, "state_default": 50,
      "users": {"@example:example.org": 100, "@alice:localhost": 50, "@bob:localhost": 50.57}, "users_default": 0}`,
    versions: '1-5',
    read: { '@example:example.org': 100, '@alice:localhost': 50, '@bob:localhost': 50 },
    rule: { '6-9': '9.1', '10-11': '9.3', '12': '10.3' },
  },
}

describe('T14 power levels, as the specification shows them,', () => {
  for (const [name, { content, versions, read, rule }] of Object.entries(levels))
    it(`may be ${name} in versions ${versions}`, () => {
      const parsed = parseStrictJson(content) as JsonObject
      const valid = byVersion({ [versions]: true })
      const rules = byVersion(rule)
      for (const version of roomVersions) {
        const room = unruledRoom(version.id, { levels: null })
        const event = { ...room.make(state(creator, 'm.room.power_levels', {})), content: parsed }
        assert.equal(authorize(event, version, room.state)?.rule, rules.get(version.id), version.id)
        if (!valid.has(version.id)) continue
        const found = readPowerLevels({ powerLevels: event, create: room.create }, version)
        for (const [user, level] of entriesByUser(read)) assert.equal(found.ofUser(user), level)
        assert.deepEqual([found.ban, found.required('m.room.power_levels', true)], [50, 100])
      }
    })

  const spellings: [json: string, level: number, versions: string][] = [
    ...['"100"', '"000100"', '"+100"', '" 100 "', '" 00100 "', '" +100 "'].map((json): [string, number, string] => [
      json,
      100,
      '1-9',
    ]),
    ...['"-100"', '" -100 "'].map((json): [string, number, string] => [json, -100, '1-9']),
    ['5.114698E4', 51146, '1-5'],
    ['51146.98', 51146, '1-5'],
    ['50.57', 50, '1-5'],
  ]
  for (const [json, level, versions] of spellings)
    it(`read ${json} as ${level} in versions ${versions}`, () => {
      const content = parseStrictJson(`{"ban": ${json}}`) as JsonObject
      const valid = byVersion({ [versions]: level })
      for (const version of roomVersions) {
        const { create } = unruledRoom(version.id)
        const { ban } = readPowerLevels({ powerLevels: { content }, create }, version)
        assert.equal(ban, valid.get(version.id) ?? 50, version.id)
      }
    })
})
