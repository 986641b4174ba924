import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { memberRemotely } from '../../../support/federation/fake-peer.ts'
import { startSending, userAt } from '../../../support/federation/sending.ts'
import { putState, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import type { TestUser } from '../../../support/server/client.ts'

const client = '/_matrix/client/v3'
const second = 1000

const type = (user: TestUser, roomId: string, typing: boolean) =>
  user.request('PUT', roomPath(roomId, 'typing', user.userId), { typing, ...(typing && { timeout: 90 * second }) })

const read = (user: TestUser, roomId: string, { event, kind = 'm.read' }: { event: string; kind?: string }) =>
  user.request('POST', roomPath(roomId, 'receipt', kind, event), {})

const setPresence = (user: TestUser, presence: string, status?: string) =>
  user.request('PUT', `${client}/presence/${encodeURIComponent(user.userId)}/status`, {
    presence,
    ...(status !== undefined && { status_msg: status }),
  })

describe('typing, receipts and presence for other servers', function () {
  this.timeout(30_000)

  it('tell who types, again while they go on, and when they stop, to the servers in the room alone', async () => {
    await using sending = await startSending()
    const { alice } = sending
    const [near, far] = ['near.test', 'far.test'].map((name) => sending.peer(name))
    const roomId = await sending.room([near!])
    await sending.room([far!])
    await type(alice, roomId, true)
    await sending.settle()
    const typing = { room_id: roomId, user_id: alice.userId, typing: true }
    assert.deepEqual(near!.edus('m.typing'), [typing])
    await sending.pass(41 * second)
    assert.deepEqual(near!.edus('m.typing'), [typing, typing])
    await type(alice, roomId, false)
    await sending.settle()
    assert.deepEqual(near!.edus('m.typing').at(-1), { ...typing, typing: false })
    await sending.pass(81 * second)
    assert.equal(near!.edus('m.typing').length, 3)
    assert.deepEqual(far!.edus('m.typing'), [])
  })

  it('tell how far users here have read, and keep private receipts here', async () => {
    await using sending = await startSending()
    const { alice } = sending
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    const [one, two] = [await sendText(alice, roomId, 'one'), await sendText(alice, roomId, 'two')]
    await read(alice, roomId, { event: two, kind: 'm.read.private' })
    await sending.settle()
    assert.deepEqual(near.edus('m.receipt'), [])
    await read(alice, roomId, { event: one })
    await sending.settle()

    assert.deepEqual(near.edus('m.receipt'), [
      {
        [roomId]: { 'm.read': { [alice.userId]: { event_ids: [one], data: { ts: sending.clock.now() } } } },
      },
    ])
  })

  it('tell of what changed while a server was away the newest alone', async () => {
    await using sending = await startSending()
    const { alice } = sending
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    const events = []
    for (const body of ['one', 'two', 'three']) events.push(await sendText(alice, roomId, body))
    await sending.settle()
    near.fall()
    await sendText(alice, roomId, 'missed')
    await sending.settle()
    for (const event of events) await read(alice, roomId, { event })
    await sending.settle()
    near.rise()
    await sending.pass(10 * second)

    const receipts = near.edus('m.receipt') as Record<string, JsonObject>[]
    assert.equal(receipts.length, 1)
    const users = receipts[0]![roomId]!['m.read'] as Record<UserId, { event_ids: string[] }>
    assert.deepEqual(users[alice.userId]!.event_ids, [events.at(-1)])
  })

  for (const isInMemory of [true, false])
    it(`tell the presence of users to servers that share a room which is small enough, ${isInMemory ? 'and' : 'but not'} in memory`, async () => {
      await using sending = await startSending({ limits: { presence_room_members: 3 } })
      const { alice, ctx } = sending
      const [near, large] = ['near.test', 'large.test'].map((name) => sending.peer(name))
      const small = await sending.room([near!])
      const big = await sending.room([large!])
      for (const name of ['one', 'two']) await memberRemotely(ctx, big, [`@${name}:large.test`, 'join'])
      await sending.pass(61 * second)
      if (!isInMemory) for (const roomId of [small, big]) await ctx.rooms.drop(roomId)
      await setPresence(alice, 'unavailable', 'away')
      await sending.pass(2 * second)

      const pushed = near!.edus('m.presence').flatMap(({ push }) => push as JsonObject[])
      assert.deepEqual(pushed.at(-1), {
        user_id: alice.userId,
        presence: 'unavailable',
        status_msg: 'away',
        last_active_ago: pushed.at(-1)!.last_active_ago,
        currently_active: false,
      })
      assert.equal(typeof pushed.at(-1)!.last_active_ago, 'number')
      assert.deepEqual(large!.edus('m.presence'), [])
    })

  it('tell a server of who is there when its first user joins', async () => {
    await using sending = await startSending()
    const { alice, ctx } = sending
    const near = sending.peer('near.test')
    await setPresence(alice, 'online')
    const roomId = await sending.room()
    await sending.pass(2 * second)
    assert.equal(near.tries, 0)
    await memberRemotely(ctx, roomId, [userAt('near.test'), 'join'])
    await sending.settle()

    const [pushed] = near.edus('m.presence').flatMap(({ push }) => push as JsonObject[])
    assert.equal(pushed?.user_id, alice.userId)
    assert.equal(pushed?.presence, 'online')
  })

  it('go to no server that the room keeps out', async () => {
    await using sending = await startSending()
    const { alice } = sending
    const barred = sending.peer('barred.test')
    const roomId = await sending.room([barred])
    await putState(alice, roomId, ['m.room.server_acl', ''], { allow: ['*'], deny: ['barred.test'] })
    const event = await sendText(alice, roomId, 'one')
    await read(alice, roomId, { event })
    await type(alice, roomId, true)
    await sending.settle()

    assert.deepEqual([...barred.edus('m.typing'), ...barred.edus('m.receipt')], [])
  })
})
