import assert from 'node:assert/strict'
import {
  hostOf,
  isCompliantUserId,
  isHashedRoomId,
  isIpLiteral,
  isValidEventId,
  isValidRoomId,
  isValidServerName,
  isValidUserId,
  serverOf,
} from '#protocol/ids.ts'
import { parsePropertyPath, propertyAt } from '#protocol/json/property-path.ts'
import { isServerAllowed } from '#protocol/rooms/server-acl.ts'
import { unruledRoom } from '../../support/generators/opened-room.ts'
import { byVersion } from '../../support/generators/by-version.ts'

describe('names, as the specification shows them,', () => {
  const servers: [name: string, host: string, isAddress: boolean][] = [
    ['matrix.org', 'matrix.org', false],
    ['matrix.org:8888', 'matrix.org', false],
    ['1.2.3.4', '1.2.3.4', true],
    ['1.2.3.4:1234', '1.2.3.4', true],
    ['[1234:5678::abcd]', '[1234:5678::abcd]', true],
    ['[1234:5678::abcd]:5678', '[1234:5678::abcd]', true],
  ]
  for (const [name, host, isAddress] of servers)
    it(`may be the server ${name}`, () => {
      assert.deepEqual([isValidServerName(name), hostOf(name), isIpLiteral(name)], [true, host, isAddress])
      assert.equal(serverOf(`@user:${name}`), name)
      assert.equal(isValidUserId(`@user:${name}`), true)
    })

  it('are another user on a server in other letters', () => {
    const [one, other] = ['@user:matrix.org', '@user:MATRIX.ORG'] as const
    assert.notEqual(serverOf(one), serverOf(other))
    for (const [id, rules] of byVersion({ '1-5': ['6', '3'], '6-11': ['5', '3'], '12': ['6', '4'] })) {
      const room = unruledRoom(id, { members: { [one]: 'join' } })
      assert.equal(room.rejectedBy({ type: 'm.room.message', sender: one }), undefined)
      assert.equal(room.rejectedBy({ type: 'm.room.message', sender: other }), rules[0])
      const closed = unruledRoom(id, { create: { 'm.federate': false }, members: { '@user:ONE': 'join' } })
      assert.equal(closed.rejectedBy({ type: 'm.room.message', sender: '@user:ONE' }), rules[1])
    }
  })

  it('may be users in the letters of today', () => {
    for (const id of ['@localpart:domain', '@user:matrix.org', '@john.doe:example.com', '@a=23=c3=a1_/+-.:b'])
      assert.deepEqual([isValidUserId(id), isCompliantUserId(id)], [true, true], id)
    for (const id of ['@USER:matrix.org', '@#á:domain', '@:domain'])
      assert.deepEqual([isValidUserId(id), isCompliantUserId(id)], [true, false], id)
  })

  it('may be events of any version', () => {
    const ids = [
      ...['$randomstring:example.org', '$a4ecee13e2accdadf56c1025:example.com', '$def456:matrix.org'],
      ...['$acR1l0raoZnm60CBwAVgqbZqoO/mYU81xysh1u7XcJk', '$CD66HAED5npg6074c6pDtLKalHjVfYb2q4Q3LZgrW6o'],
      ...['$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg', '$some/old+event', '$some-old_event'],
    ]
    for (const id of ids) assert.equal(isValidEventId(id), true, id)
  })

  it('may be rooms of any version', () => {
    const hashed = '!Nhcu5BS-UMnFX7hBVfVSoXiD7OgH6iRT-xyIuqDnpYQ'
    assert.deepEqual([isValidRoomId(hashed), isHashedRoomId(hashed)], [true, true])
    for (const id of ['!UcYsUzyxTGDxLBEvLy:example.org', '!jEsUZKDJdhlrceRyVU:example.org', '!somewhere:example.org'])
      assert.deepEqual([isValidRoomId(id), isHashedRoomId(id)], [true, false], id)
  })
})

describe('property paths, as the specification shows them,', () => {
  const event = { content: { body: 'text', 'm.relates_to': 'relation', 'm\\foo': 'foo', '\\x': 'x' } }
  const paths: [path: string, names: string[], value: string][] = [
    ['content.body', ['content', 'body'], 'text'],
    ['content.m\\.relates_to', ['content', 'm.relates_to'], 'relation'],
    ['content.m\\\\foo', ['content', 'm\\foo'], 'foo'],
    ['content.\\x', ['content', '\\x'], 'x'],
  ]
  for (const [path, names, value] of paths)
    it(`lead where ${path} says`, () => {
      assert.deepEqual(parsePropertyPath(path), names)
      assert.equal(propertyAt(event, names), value)
    })
})

describe('the server ACL that the specification shows', () => {
  const acl = { allow_ip_literals: false, allow: ['*'], deny: ['*.evil.com', 'evil.com'] }
  const servers: [name: string, isAllowed: boolean][] = [
    ...['evil.com', 'evil.com:8448', 'evil.com:1234', 'www.evil.com', 'a.b.evil.com:1', 'EVIL.com'].map(
      (name): [string, boolean] => [name, false],
    ),
    ...['1.2.3.4', '1.2.3.4:1234', '[1234:5678::abcd]', '[1234:5678::abcd]:5678'].map((name): [string, boolean] => [
      name,
      false,
    ]),
    ...['example.com', 'notevil.com', 'evil.com.example.org', 'evil.org'].map((name): [string, boolean] => [
      name,
      true,
    ]),
  ]
  for (const [name, isAllowed] of servers)
    it(`${isAllowed ? 'lets' : 'does not let'} ${name} take part`, () => {
      assert.equal(isServerAllowed(acl, name), isAllowed)
    })
})
