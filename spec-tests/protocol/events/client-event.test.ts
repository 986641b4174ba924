import assert from 'node:assert/strict'
import { onlyFields, toClientEvent } from '#protocol/events/client-event.ts'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'

const version = (id: string) => {
  const found = roomVersion(id)
  assert.ok(found, `room version ${id}`)
  return found
}

const pdu: Pdu = {
  type: 'm.room.message',
  sender: '@alice:test',
  room_id: '!room:test',
  content: { body: 'hi', msgtype: 'm.text' },
  origin_server_ts: 1,
  depth: 4,
  prev_events: ['$before'],
  auth_events: ['$create'],
  hashes: { sha256: 'abc' },
  signatures: { test: { 'ed25519:1': 'def' } },
  unsigned: { age: 5, transaction_id: 'secret' },
  origin: 'test',
}

const base = {
  type: 'm.room.message',
  sender: '@alice:test',
  origin_server_ts: 1,
  event_id: '$id',
  room_id: '!room:test',
}

describe('toClientEvent', () => {
  const parts = { eventId: '$id', roomId: '!room:test', version: version('11') } as const

  it('keeps what clients get and nothing that is between servers', () => {
    assert.deepEqual(toClientEvent(pdu, parts), { ...base, content: { body: 'hi', msgtype: 'm.text' } })
  })

  it('keeps an empty state key and takes unsigned from the caller only', () => {
    const event = toClientEvent({ ...pdu, state_key: '' }, { ...parts, unsigned: { age: 7 } })
    assert.equal(event.state_key, '')
    assert.deepEqual(event.unsigned, { age: 7 })
  })

  it('names the room of a version 12 create event, which carries none', () => {
    const { room_id: _, ...create } = { ...pdu, type: 'm.room.create', state_key: '' }
    assert.equal(toClientEvent(create, { ...parts, version: version('12') }).room_id, '!room:test')
  })

  it('copies redacts from the content to the top level from version 11', () => {
    const redaction: Pdu = { ...pdu, type: 'm.room.redaction', content: { redacts: '$target', reason: 'spam' } }
    const event = toClientEvent(redaction, parts)
    assert.equal(event.redacts, '$target')
    assert.deepEqual(event.content, { redacts: '$target', reason: 'spam' })
  })

  it('copies redacts from the top level into the content before version 11, over any other claim there', () => {
    const redaction: Pdu = {
      ...pdu,
      type: 'm.room.redaction',
      redacts: '$target',
      content: { redacts: '$lie', reason: 'x' },
    }
    const event = toClientEvent(redaction, { ...parts, version: version('10') })
    assert.equal(event.redacts, '$target')
    assert.deepEqual(event.content, { redacts: '$target', reason: 'x' })
    assert.deepEqual(redaction.content, { redacts: '$lie', reason: 'x' })
  })

  it('believes only the place that the room version names', () => {
    const redaction: Pdu = { ...pdu, type: 'm.room.redaction', redacts: '$lie', content: {} }
    assert.equal(toClientEvent(redaction, parts).redacts, undefined)
    const message: Pdu = { ...pdu, redacts: '$lie', content: { redacts: '$lie' } }
    assert.equal(toClientEvent(message, parts).redacts, undefined)
  })
})

describe('onlyFields', () => {
  const event: JsonObject = {
    ...base,
    content: { body: 'hi', 'm.relates_to': { event_id: '$a', rel_type: 'm.thread' }, 'm\\foo': 1, empty: null },
  }
  const cases: [fields: string[], expected: JsonObject][] = [
    [[], {}],
    [['type'], { type: 'm.room.message' }],
    [['content.body'], { content: { body: 'hi' } }],
    [['content.body', 'content.empty'], { content: { body: 'hi', empty: null } }],
    [['content.m\\.relates_to.rel_type'], { content: { 'm.relates_to': { rel_type: 'm.thread' } } }],
    [['content.m\\\\foo'], { content: { 'm\\foo': 1 } }],
    [['content.m.relates_to', 'nothing', 'type.length', 'content.body.x'], {}],
    [['content', 'content.body'], { content: event['content'] }],
    [['content.body', 'content'], { content: event['content'] }],
    [['', '.', 'content.'], {}],
  ]
  for (const [fields, expected] of cases)
    it(`keeps ${JSON.stringify(fields)}`, () => {
      const before = structuredClone(event)
      assert.deepEqual(onlyFields(event, fields), expected)
      assert.deepEqual(event, before)
    })

  it('T05 keeps __proto__ as an own key and never finds inherited ones', () => {
    const hostile = parseStrictJson('{"content":{"__proto__":{"polluted":1}}}') as JsonObject
    assert.equal(JSON.stringify(onlyFields(hostile, ['content.__proto__.polluted'])), JSON.stringify(hostile))
    assert.deepEqual(onlyFields(hostile, ['constructor', 'content.toString', '__proto__.polluted']), {})
    assert.equal(({} as JsonObject)['polluted'], undefined)
  })
})
