import assert from 'node:assert/strict'
import { createRoom, join, sendText } from '../../../support/rooms/rooms.ts'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'

const rules = '/_matrix/client/v3/pushrules/global'
const keyword = (user: TestUser, id: string, pattern: string) =>
  user.request('PUT', `${rules}/content/${id}`, { actions: ['notify', { set_tweak: 'highlight' }], pattern })
const counts = async (user: TestUser, roomId: string) => {
  const { body } = await user.request('GET', '/_matrix/client/v3/sync')
  return body.rooms.join[roomId].unread_notifications
}

describe('what notifying one user may cost', () => {
  it('N17 T84 is bounded in patterns, in their bytes, and in rules', async () => {
    const limits = { push_patterns_per_user: 3, push_pattern_bytes_per_user: 20, push_rules_per_user: 4 }
    await using server = await startTestServer({ settings: { limits } })
    const alice = await server.register('alice')
    const plain = (id: string) => alice.request('PUT', `${rules}/room/${id}`, { actions: [] })

    const replies = [
      await keyword(alice, 'a', '*aaaaaaaaa'),
      await keyword(alice, 'b', '*bbbbbbbbbb'),
      await keyword(alice, 'b', '*bbbbbbbb'),
      await keyword(alice, 'c', 'c'),
      await keyword(alice, 'd', ''),
      await plain('x'),
      await plain('y'),
      await alice.request('DELETE', `${rules}/content/a`),
      await plain('y'),
    ]

    assert.deepEqual(
      replies.map(({ status }) => status),
      [200, 403, 200, 200, 403, 200, 403, 200, 200],
    )
  })

  it('N17 is looking for patterns in the beginning of long messages alone, and letting others take their turn', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    accepted(await keyword(bob, 'early', 'early'))
    for (let i = 0; i < 16; i++) accepted(await keyword(bob, `glob${i}`, `*${'a?'.repeat(100)}*b`))
    const filler = 'a'.repeat(50_000)
    await sendText(alice, roomId, `early ${filler}`, 'first')
    await sendText(alice, roomId, `${filler} early`, 'second')
    for (let i = 0; i < 20; i++) await sendText(alice, roomId, filler, `filler ${i}`)

    let turns = 0
    let isDone = false
    const count = () => {
      turns++
      if (!isDone) setImmediate(count)
    }
    count()
    const { highlight_count, notification_count } = await counts(bob, roomId)
    isDone = true

    assert.deepEqual([highlight_count, notification_count], [1, 22])
    assert.ok(turns > 10)
  })
})
