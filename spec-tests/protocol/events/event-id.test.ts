import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { eventId, roomIdOfCreate } from '#protocol/events/event-id.ts'
import { authEventIds, prevEventIds, redactedEventId, stateKeyOf, type Pdu } from '#protocol/events/event.ts'
import { relationOf } from '#protocol/events/relation.ts'
import { roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { unruledRoom } from '../../support/generators/opened-room.ts'

const event = {
  type: 'm.room.message',
  room_id: '!r:one',
  sender: '@a:one',
  content: { body: 'not part of the id' },
  origin_server_ts: 5,
  depth: 7,
  prev_events: ['$p'],
  auth_events: ['$a'],
  hashes: { sha256: 'h' },
  signatures: { one: { 'ed25519:1': 'not part of the id' } },
  unsigned: { age: 3 },
} as Pdu

const digest = createHash('sha256').update(
  '{"auth_events":["$a"],"content":{},"depth":7,"hashes":{"sha256":"h"},"origin_server_ts":5,"prev_events":["$p"],' +
    '"room_id":"!r:one","sender":"@a:one","type":"m.room.message"}',
)
const base64 = digest.digest('base64').replace('=', '')

describe('event ids', () => {
  it('are what the origin chose in versions 1 and 2', () => {
    for (const id of ['1', '2']) assert.equal(eventId({ ...event, event_id: '$x:one' }, roomVersion(id)!), '$x:one')
    assert.throws(() => eventId(event, roomVersion('1')!), TypeError)
  })

  it('are the reference hash in base64 in version 3', () => {
    assert.equal(eventId(event, roomVersion('3')!), `$${base64}`)
  })

  for (const [id] of byVersion({ '4-12': true }))
    it(`are the reference hash in URL-safe base64 in version ${id}`, () => {
      const urlSafe = base64.replaceAll('+', '-').replaceAll('/', '_')
      assert.equal(eventId(event, roomVersion(id)!), `$${urlSafe}`)
    })

  it('T05 cover keys like __proto__ where redaction keeps them', () => {
    const create = (text: string) => ({ ...event, type: 'm.room.create', content: JSON.parse(text) }) as Pdu
    const version = roomVersion('11')!
    assert.notEqual(
      eventId(create('{"__proto__":{"a":1}}'), version),
      eventId(create('{"__proto__":{"a":2}}'), version),
    )
    assert.notEqual(eventId(create('{"__proto__":{"a":1}}'), version), eventId(create('{}'), version))
  })

  it('give the room its id in version 12', () => {
    const room = unruledRoom('12')
    assert.equal(room.create.room_id, undefined)
    assert.equal(room.roomId.slice(1), room.idOf(room.create).slice(1))
    const older = unruledRoom('11')
    assert.equal(roomIdOfCreate(older.create, older.version), '!room:one')
  })
})

describe('what events point at', () => {
  it('is read by the version', () => {
    const pairs = { prev_events: [['$p', { sha256: 'x' }]], auth_events: [['$a', { sha256: 'x' }]] } as unknown as Pdu
    for (const id of ['1', '2']) {
      assert.deepEqual(prevEventIds(pairs, roomVersion(id)!), ['$p'])
      assert.deepEqual(authEventIds(pairs, roomVersion(id)!), ['$a'])
    }
    assert.deepEqual(prevEventIds(event, roomVersion('3')!), ['$p'])
    assert.deepEqual(authEventIds(event, roomVersion('12')!), ['$a'])
  })

  it('is, for redactions, in the content from version 11', () => {
    const redaction = { redacts: '$old', content: { redacts: '$new' } } as unknown as Pdu
    assert.equal(redactedEventId(redaction, roomVersion('10')!), '$old')
    assert.equal(redactedEventId(redaction, roomVersion('11')!), '$new')
  })

  it('is nothing where a redaction names what no event is called', () => {
    for (const redacts of [7, null, {}, '', '$', 'x', '$\0', '$\ud800', `$${'x'.repeat(255)}`, `$${'é'.repeat(128)}`])
      for (const version of roomVersions)
        assert.equal(redactedEventId({ redacts, content: { redacts } } as unknown as Pdu, version), undefined)
  })

  it('is, for relations, an id and a type of at most 255 bytes each', () => {
    const relation = (event_id: string, rel_type: string) => relationOf({ 'm.relates_to': { event_id, rel_type } })
    const longest = `$${'é'.repeat(127)}`
    assert.deepEqual(relation(longest, longest), { parentId: longest, relType: longest })
    for (const odd of [`${longest}x`, `${longest}é`, '$\0', '$\ud800']) {
      assert.equal(relation(odd, 'm.thread'), undefined)
      assert.equal(relation('$x', odd), undefined)
    }
  })

  it('is a place in the state when there is a state key, also an empty one', () => {
    assert.deepEqual(stateKeyOf({ type: 'x', state_key: '' }), ['x', ''])
    assert.equal(stateKeyOf({ type: 'x' }), undefined)
  })
})
