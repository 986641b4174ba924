import assert from 'node:assert/strict'
import type { EventId, UserId } from '#protocol/ids.ts'
import { answeringFrom, startReceiving } from '../../../support/federation/receiving.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import { message } from '../../../support/generators/acts.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'

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
  const levels = { events: { 'm.room.redaction': 0 } }
  const room = openedRoom(id, { creator: alice, levels, members: { [bob]: 'join', [carol]: 'join' } })
  const fork = room.order.slice(-1)
  const server = await startReceiving(answeringFrom(room.replay))
  const receive = async (event: EventId) =>
    assert.equal((await server.receive(room.roomId, room.replay.events.get(event))).outcome, 'accepted')
  await server.open(room)
  for (const event of room.order.slice(1)) await receive(event)

  /** The target stands on another branch than its redaction, and nobody follows it yet. */
  async function redactEarly(by: UserId) {
    const target = room.add(message(bob, 'secret'), { prevs: fork })
    const named = { type: 'm.room.redaction', sender: by, content: { redacts: target }, redacts: target }
    const redaction = room.add(named, { prevs: fork })
    await receive(redaction)
    assert.deepEqual(await checkRoom(server.ctx, room.roomId), [])
    await receive(target)
    return { target, redaction }
  }
  return { room, server, redactEarly, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}
