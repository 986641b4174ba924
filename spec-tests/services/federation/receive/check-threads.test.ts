import assert from 'node:assert/strict'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { checkEvents } from '#services/federation/receive/check-events.ts'
import { CheckThreads } from '#services/federation/receive/check-threads.ts'
import { startReceiving } from '../../../support/federation/receiving.ts'
import { TestRoom } from '../../../support/generators/test-room.ts'

const version = roomVersion('11')!
const alice: UserId = '@alice:s0.test'

/** More than are checked on the main thread: true ones, forged ones, some with a wrong hash, and what is no event. */
function manyEvents(room: TestRoom): JsonValue[] {
  room.add({ type: 'm.room.create', sender: alice, state_key: '', content: { room_version: '11' } }, { prevs: [] })
  return Array.from({ length: 450 }, (_, index): JsonValue => {
    const act = { type: 'm.room.message', sender: `@u:s${index % 7}.test` as UserId, content: { index } }
    const pdu = room.make(act, { prevs: room.order.slice(-1) }) as unknown as JsonObject
    if (index % 50 === 1) return { ...pdu, depth: 99 }
    if (index % 50 === 2) return { ...pdu, content: { index: -1 } }
    return index % 50 === 3 ? 'nonsense' : pdu
  })
}

describe('checks of many events in threads', function () {
  this.timeout(20_000)

  it('T02 say the same of each as those on the main thread, and ask once for a key', async () => {
    await using server = await startReceiving()
    const room = new TestRoom(version, { signed: true })
    const values = manyEvents(room)
    const checkThreads = new CheckThreads()
    const asked: string[] = []
    const findKey: typeof server.ctx.findKey = (name, keyId) => {
      asked.push(name)
      return server.ctx.findKey(name, keyId)
    }
    const found = await checkEvents({ findKey, checkThreads }, values, room)
    assert.deepEqual(found, await checkEvents(server.ctx, values, room))
    assert.equal(found.length, 450 - 9 - 9)
    assert.deepEqual(
      [...new Set(asked)].sort(),
      Array.from({ length: 7 }, (_, index) => `s${index}.test`),
    )
    await checkThreads.close()
    await assert.rejects(checkEvents({ findKey, checkThreads }, values, room))
  })

  it('fail where a key cannot be looked for, and go on with the next set', async () => {
    await using server = await startReceiving()
    const room = new TestRoom(version, { signed: true })
    const values = manyEvents(room)
    const checkThreads = new CheckThreads()
    const findKey = () => Promise.reject(new Error('The key ring is closed'))
    await assert.rejects(checkEvents({ findKey, checkThreads }, values, room), /The key ring is closed/)
    assert.equal((await checkEvents({ ...server.ctx, checkThreads }, values, room)).length, 432)
    await checkThreads.close()
  })
})
