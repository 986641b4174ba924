import assert from 'node:assert/strict'
import { eventId } from '#protocol/events/event-id.ts'
import type { JsonObject, JsonValue, Pdu } from '#protocol/events/event.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { roomVersions, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { checkEvent } from '#services/federation/receive/check-event.ts'
import { byVersion } from '../../../../support/generators/by-version.ts'
import { findTestKey } from '../../../../support/federation/receive-needs.ts'
import { alice, bob, carol, openScenes, type Scene } from '../../../../support/generators/scene.ts'
import { type Act, member, message, state } from '../../../../support/generators/acts.ts'
import { TestRoom } from '../../../../support/generators/test-room.ts'
import { keyOf } from '../../../../support/generators/server-keys.ts'

/** What becomes of the same in a room of one version and in one of the next, beside each other on one server. */
type Boundary = {
  it: string
  versions: readonly [string, string]
  joinRule?: string
  probe: (scene: Scene) => Promise<unknown>
  expect: readonly [unknown, unknown]
}

const outcomeOf = async (scene: Scene, act: Act) => (await scene.send(act)).outcome

/** The event with other content than was hashed comes in redacted; answers the content that is left. */
async function contentOnceRedacted(scene: Scene, act: Act): Promise<JsonObject> {
  const pdu = scene.make(act)
  const { eventId, outcome } = await scene.receive({ ...pdu, content: { ...pdu.content, 'org.example': 'forged' } })
  assert.equal(outcome, 'accepted')
  const stored = await scene.server.ctx.store.rooms.events.find(eventId!)
  return (JSON.parse(stored!.clientJson) as Pdu).content
}

/** The first of many events whose hash has, in standard base64, a character that URL-safe base64 writes otherwise. */
async function alphabetOfIds(scene: Scene): Promise<string> {
  for (let index = 0; ; index++) {
    const { id, outcome } = await scene.send(message(bob, `${index}`))
    assert.equal(outcome, 'accepted')
    const [found] = /[+/_-]/.exec(id.slice(1)) ?? []
    if (found) return '+/'.includes(found) ? 'standard' : 'URL-safe'
  }
}

/** Both a ban of bob and a topic by bob follow the same event; answers whether the topic is in the state after both. */
async function survivesTheBan(scene: Scene): Promise<boolean> {
  const { forwardExtremity } = scene
  const ban = await scene.send(member(alice, bob, 'ban'), { prevs: [forwardExtremity] })
  const topic = await scene.send(state(bob, 'm.room.topic', { topic: 'x' }), { prevs: [forwardExtremity] })
  assert.deepEqual([ban.outcome, topic.outcome], ['accepted', 'soft-failed'])
  const both = await scene.send(message(alice), { prevs: [ban.id, topic.id] })
  assert.equal(both.outcome, 'accepted')
  return (await scene.entry('m.room.topic')) === topic.id
}

async function afterTheKeyWasOver(scene: Scene): Promise<string> {
  const pdu = scene.make(message(bob))
  scene.server.ctx.findKey = async (server, keyId) => {
    const key = await findTestKey(server, keyId)
    return key && { ...key, validUntil: pdu.origin_server_ts - 1 }
  }
  const { outcome } = await scene.receive(pdu)
  scene.server.ctx.findKey = findTestKey
  return outcome
}

const powers = (content: JsonObject) => (scene: Scene) =>
  outcomeOf(scene, state(alice, 'm.room.power_levels', scene.room.levels(content)))
const authorisedJoin = member(carol, carol, 'join', { join_authorised_via_users_server: alice })

/** The event names its origin; answers whether its id covers that. */
async function coversOrigin(scene: Scene): Promise<boolean> {
  const { version } = scene.room
  const named = signEvent({ ...scene.make(message(bob)), signatures: {}, origin: 's1.test' }, version, keyOf('s1.test'))
  const { origin: _, ...nameless } = named
  const result = await scene.receive(named)
  assert.equal(result.outcome, 'accepted')
  return result.eventId !== eventId(nameless, version)
}

const boundaries: Boundary[] = [
  { it: 'the resolution of conflicts', versions: ['1', '2'], probe: survivesTheBan, expect: [true, false] },
  {
    it: 'the redactions that the rules refuse',
    versions: ['2', '3'],
    probe: (scene) => outcomeOf(scene, { type: 'm.room.redaction', sender: bob, content: {}, redacts: '$x:s0.test' }),
    expect: ['rejected', 'accepted'],
  },
  {
    it: 'who names events',
    versions: ['2', '3'],
    probe: async (scene) =>
      (await scene.send({ ...message(bob), event_id: '$chosen:s1.test' })).eventId === '$chosen:s1.test',
    expect: [true, false],
  },
  { it: 'the alphabet of ids', versions: ['3', '4'], probe: alphabetOfIds, expect: ['standard', 'URL-safe'] },
  { it: 'the time of keys', versions: ['4', '5'], probe: afterTheKeyWasOver, expect: ['accepted', 'dropped'] },
  {
    it: 'fractions',
    versions: ['5', '6'],
    probe: (scene) => outcomeOf(scene, { ...message(bob), content: { n: 1.5 } }),
    expect: ['accepted', 'dropped'],
  },
  {
    it: 'the rule about aliases',
    versions: ['5', '6'],
    probe: (scene) => outcomeOf(scene, state(bob, 'm.room.aliases', {}, 's1.test')),
    expect: ['accepted', 'rejected'],
  },
  {
    it: 'what is left of aliases',
    versions: ['5', '6'],
    probe: (scene) =>
      contentOnceRedacted(scene, state(alice, 'm.room.aliases', { aliases: ['#a:s0.test'] }, 's0.test')),
    expect: [{ aliases: ['#a:s0.test'] }, {}],
  },
  {
    it: 'knocking',
    versions: ['6', '7'],
    joinRule: 'knock',
    probe: (scene) => outcomeOf(scene, member(carol, carol, 'knock')),
    expect: ['rejected', 'accepted'],
  },
  {
    it: 'restricted rooms',
    versions: ['7', '8'],
    joinRule: 'restricted',
    probe: (scene) => outcomeOf(scene, authorisedJoin),
    expect: ['rejected', 'accepted'],
  },
  {
    it: 'what is left of join rules',
    versions: ['7', '8'],
    probe: (scene) => contentOnceRedacted(scene, state(alice, 'm.room.join_rules', { join_rule: 'public', allow: [] })),
    expect: [{ join_rule: 'public' }, { join_rule: 'public', allow: [] }],
  },
  {
    it: 'authorised joins that come redacted',
    versions: ['8', '9'],
    joinRule: 'restricted',
    probe: async (scene) => {
      const pdu = scene.make(authorisedJoin)
      return (await scene.receive({ ...pdu, content: { ...pdu.content, displayname: 'not hashed' } })).outcome
    },
    expect: ['rejected', 'accepted'],
  },
  { it: 'levels that are text', versions: ['9', '10'], probe: powers({ ban: '50' }), expect: ['accepted', 'rejected'] },
  {
    it: 'restricted rooms that take knocks',
    versions: ['9', '10'],
    joinRule: 'knock_restricted',
    probe: (scene) => outcomeOf(scene, member(carol, carol, 'knock')),
    expect: ['rejected', 'accepted'],
  },
  { it: 'whether ids cover the origin', versions: ['10', '11'], probe: coversOrigin, expect: [true, false] },
  {
    it: 'what is left of redactions',
    versions: ['10', '11'],
    probe: (scene) => contentOnceRedacted(scene, { type: 'm.room.redaction', sender: bob, content: { redacts: '$x' } }),
    expect: [{}, { redacts: '$x' }],
  },
  {
    it: 'the level of creators',
    versions: ['11', '12'],
    probe: powers({ invite: 101 }),
    expect: ['rejected', 'accepted'],
  },
  {
    it: 'naming the creator in levels',
    versions: ['11', '12'],
    probe: (scene) => outcomeOf(scene, state(alice, 'm.room.power_levels', { users: { [alice]: 100 } })),
    expect: ['accepted', 'rejected'],
  },
]

describe('T10 only the version of the room counts for', function () {
  this.timeout(20_000)
  for (const { it: name, versions, joinRule = 'public', probe, expect } of boundaries)
    it(`${name}: ${versions.join(' and ')}`, async () => {
      await using scenes = await openScenes(versions, { joinRule, levels: { events: { 'm.room.topic': 0 } } })
      const found: unknown[] = []
      for (const scene of scenes) found.push(await probe(scene))
      assert.deepEqual(found, expect)
    })
})

/** An event as a server makes it that believes the room to be of the version. */
function madeBy(version: RoomVersion, roomId: RoomId, act: Act): Pdu {
  const room = new TestRoom(version, { roomId, signed: true })
  const cited = room.references(['$YnJpZWYgY2l0YXRpb24:s0.test'])
  const event_id: EventId = '$chosen:s1.test'
  const chosen = { depth: 3, prev_events: cited, auth_events: cited, ...(version.eventFormat === 'v1' && { event_id }) }
  return room.make({ ...act, ...chosen }, { sentAt: 1_700_000_000_000 })
}

describe('T10 one event in rooms of all versions', () => {
  const redaction: Act = { type: 'm.room.redaction', sender: bob, content: { redacts: '$x' } }
  const kinds: [it: string, act: Act, groups: string[]][] = [
    ['is one where the form is that of the room', message(bob), ['1-2', '3-12']],
    ['is signed by what the room redacts', redaction, ['1-2', '3-10', '11-12']],
  ]
  for (const [name, act, groups] of kinds)
    it(name, async () => {
      const groupOf = new Map(groups.flatMap((group) => [...byVersion({ [group]: group })]))
      for (const room of roomVersions) {
        const roomId: RoomId = room.roomIdIsCreateHash ? `!${'x'.repeat(43)}` : '!room:s0.test'
        for (const maker of roomVersions) {
          const pdu = madeBy(maker, roomId, act)
          const checked = await checkEvent(findTestKey, pdu as JsonValue, { roomId, version: room })
          const label = `made by version ${maker.id} in a room of version ${room.id}`
          assert.equal('pdu' in checked, groupOf.get(maker.id) === groupOf.get(room.id), label)
          if ('pdu' in checked) assert.equal(checked.eventId, eventId(pdu, room), label)
        }
      }
    })
})
