import assert from 'node:assert/strict'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import { isRecommended, policyKeyId, policyServerOf } from '#protocol/events/policy-server.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import { serverOf } from '#protocol/ids.ts'
import type { AskPolicy } from '#services/federation/receive/ports.ts'
import { findTestKey } from '../../../../support/federation/receive-needs.ts'
import { alice, bob, carol, openScene, type Scene } from '../../../../support/generators/scene.ts'
import { type Act, member, message, state } from '../../../../support/generators/acts.ts'
import { keyOf } from '../../../../support/generators/server-keys.ts'

const policyKey = keyOf('s1.test', policyKeyId)
const policy: JsonObject = { via: 's1.test', public_keys: { ed25519: encodePublicKey(policyKey.publicKey) } }

/** Asks the room's own Policy Server, where it uses one, by the signature that the event bears. */
const bySignature: AskPolicy = async (room, { pdu }) => {
  const joined = [...room.members].filter(([, membership]) => membership === 'join').map(([user]) => serverOf(user))
  const server = policyServerOf(room.entry('m.room.policy', '')?.pdu, (name) => joined.includes(name))
  return server === undefined || isRecommended(pdu, room.version, server)
}

/** A room whose Policy Server answers so; tells which events it was asked about. */
async function openWith(answer: AskPolicy, version = '11') {
  const scene = await openScene(version)
  const asked: string[] = []
  scene.server.ctx.askPolicy = async (room, event) => {
    asked.push(event.eventId)
    return answer(room, event)
  }
  return Object.assign(scene, { asked })
}
const never: AskPolicy = async () => false
const recommended = (scene: Scene, act: Act): Pdu => {
  const { signatures, ...event } = scene.make(act)
  const own = signEvent(event, scene.room.version, policyKey).signatures['s1.test']
  return { ...event, signatures: { ...signatures, 's1.test': { ...signatures['s1.test'], ...own } } }
}

describe('the Policy Server of a room', function () {
  this.timeout(20_000)

  const judged: [it: string, act: Act, isExempt: boolean][] = [
    ['a message', message(bob), false],
    ['a state event', state(alice, 'm.room.topic', { topic: 'x' }), false],
    ['a membership', member(carol, carol, 'join'), false],
    ['power levels', state(alice, 'm.room.power_levels', { users: { [alice]: 100 }, ban: 60 }), false],
    ['its own choice', state(alice, 'm.room.policy', policy), true],
    ['what is no choice', { ...message(alice), type: 'm.room.policy', content: policy }, false],
    ['a choice under another key', state(alice, 'm.room.policy', policy, 'key'), false],
    ['another event with no key', state(alice, 'm.room.topic', policy), false],
  ]
  for (const [name, act, isExempt] of judged)
    it(`${isExempt ? 'is not asked about' : 'soft-fails'} ${name}`, async () => {
      await using scene = await openWith(never)
      const before = await scene.timeline()
      const { id, outcome } = await scene.send(act)
      assert.deepEqual([outcome, scene.asked], isExempt ? ['accepted', []] : ['soft-failed', [id]])
      assert.deepEqual(await scene.timeline(), isExempt ? [...before, id] : before)
      const room = await scene.server.line(scene.room.roomId)
      assert.deepEqual(room.forwardExtremities, [isExempt ? id : before.at(-1)])
      if (act.state_key !== undefined) assert.equal((await scene.entry(act.type, act.state_key)) === id, isExempt)
    })

  for (const { id: version } of roomVersions)
    it(`recommends by its signature in version ${version}`, async () => {
      await using scene = await openWith(bySignature, version)
      // The origin is the Policy Server too, and publishes no such key.
      scene.server.ctx.findKey = async (server, keyId) =>
        keyId === policyKeyId ? undefined : findTestKey(server, keyId)
      assert.equal((await scene.send(message(alice, 'before'))).outcome, 'accepted')
      await scene.send(state(alice, 'm.room.policy', policy))
      const good = recommended(scene, message(bob, 'good'))
      assert.equal((await scene.receive(good)).outcome, 'accepted')
      assert.equal((await scene.receive(scene.make(message(bob, 'unseen')))).outcome, 'soft-failed')
      const other = recommended(scene, message(bob, 'other')).signatures
      const forged = scene.make(message(bob, 'forged'))
      const signatures = { ...other, 's1.test': { ...other['s1.test'], ...forged.signatures['s1.test'] } }
      assert.equal((await scene.receive({ ...forged, signatures })).outcome, 'soft-failed')
    })

  it('is none once its last user left', async () => {
    await using scene = await openWith(bySignature)
    await scene.send(state(alice, 'm.room.policy', policy))
    assert.equal((await scene.receive(scene.make(message(alice, '1')))).outcome, 'soft-failed')
    const leave = recommended(scene, member(bob, bob, 'leave'))
    assert.equal((await scene.receive(leave)).outcome, 'accepted')
    scene.forwardExtremity = scene.room.take(leave)
    assert.equal((await scene.send(message(alice, '2'))).outcome, 'accepted')
  })

  it('lets nothing in that the rules refuse', async () => {
    await using scene = await openWith(async () => true)
    const { forwardExtremity } = scene
    assert.equal((await scene.send(state(bob, 'm.room.topic', {}))).outcome, 'rejected')
    await scene.send(member(alice, bob, 'ban'))
    assert.equal((await scene.send(message(bob, 'late'), { prevs: [forwardExtremity] })).outcome, 'soft-failed')
    assert.equal((await scene.receive({ ...scene.make(message(alice)), signatures: {} })).outcome, 'dropped')
  })

  it('leaves what it does not recommend to the graph: others may follow it', async () => {
    await using scene = await openWith(async (_, { pdu }) => pdu.content.body !== 'spam')
    const spam = await scene.send(message(bob, 'spam'))
    const next = await scene.send(message(alice, 'next'), { prevs: [spam.id] })
    assert.deepEqual([spam.outcome, next.outcome], ['soft-failed', 'accepted'])
    const timeline = await scene.timeline()
    assert.deepEqual([timeline.includes(spam.id), timeline.at(-1)], [false, next.id])
  })
})
