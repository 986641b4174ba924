import assert from 'node:assert/strict'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { answeringFrom, startReceiving } from '../../../support/federation/receiving.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import type { Act } from '../../../support/generators/acts.ts'
import { TestRoom } from '../../../support/generators/test-room.ts'

const alice: UserId = '@alice:s0.test'
const bob: UserId = '@bob:s1.test'
const carol: UserId = '@carol:s2.test'

describe('a redaction that comes before its target', function () {
  this.timeout(20_000)
  for (const id of ['3', '10', '11', '12']) {
    it(`empties it when it comes, in room version ${id}`, async () => {
      await using scene = await openScene(id)
      const { target, redaction } = await scene.redactEarly(alice)
      const stored = await scene.server.ctx.store.rooms.events.find(target)
      assert.deepEqual(JSON.parse(stored!.clientJson).content, {})
      assert.equal(stored!.redactedBy, redaction)
      const inMemory = (await scene.server.line(scene.room.roomId)).recent.find(({ eventId }) => eventId === target)
      assert.equal(inMemory!.redactedBy, redaction)
      assert.deepEqual(await checkRoom(scene.server.ctx, scene.room.roomId), [])
    })

    it(`leaves it alone where the sender might not redact it, in room version ${id}`, async () => {
      await using scene = await openScene(id)
      const { target } = await scene.redactEarly(carol)
      const stored = await scene.server.ctx.store.rooms.events.find(target)
      assert.deepEqual(JSON.parse(stored!.clientJson).content, { body: 'secret' })
      assert.equal(stored!.redactedBy, null)
      assert.deepEqual(await checkRoom(scene.server.ctx, scene.room.roomId), [])
    })
  }
})

async function openScene(id: string) {
  const version = roomVersion(id)!
  const room = new TestRoom(version, { signed: true })
  const server = await startReceiving(answeringFrom(room.replay))
  const send = (act: Act, prevs: readonly EventId[] = room.order.slice(-1)) => room.add(act, { prevs })
  const state = (sender: UserId, [type, key]: [string, string], content: Act['content']) =>
    send({ type, sender, state_key: key, content })
  state(alice, ['m.room.create', ''], { room_version: id, ...(version.creators === 'content' && { creator: alice }) })
  state(alice, ['m.room.member', alice], { membership: 'join' })
  const users = version.creatorsOutrankAll ? {} : { [alice]: 100 }
  state(alice, ['m.room.power_levels', ''], { users, events: { 'm.room.redaction': 0 } })
  state(alice, ['m.room.join_rules', ''], { join_rule: 'public' })
  state(bob, ['m.room.member', bob], { membership: 'join' })
  const fork = state(carol, ['m.room.member', carol], { membership: 'join' })
  const receive = async (event: EventId) =>
    assert.equal((await server.receive(room.roomId, room.replay.events.get(event))).outcome, 'accepted')
  await server.open({ roomId: room.roomId, version, create: room.replay.events.get(room.order[0]!)! })
  for (const event of room.order.slice(1)) await receive(event)

  /** The target stands on another branch than its redaction, and nobody follows it yet. */
  async function redactEarly(by: UserId) {
    const target = send({ type: 'm.room.message', sender: bob, content: { body: 'secret' } }, [fork])
    const named = { type: 'm.room.redaction', sender: by, content: { redacts: target }, redacts: target }
    const redaction = send(named, [fork])
    await receive(redaction)
    assert.deepEqual(await checkRoom(server.ctx, room.roomId), [])
    await receive(target)
    return { target, redaction }
  }
  return { room, server, redactEarly, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
