import assert from 'node:assert/strict'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { act, createRoom, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { accepted, type TestUser } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const minute = 60_000

/** Who is joined, as a user's server sees it. */
async function membersSeenBy(user: TestUser, roomId: string): Promise<string[]> {
  const { joined } = accepted(await user.request('GET', roomPath(roomId, 'joined_members')))
  return Object.keys(joined).sort()
}

async function bodiesSeenBy(user: TestUser, roomId: string): Promise<string[]> {
  const { chunk } = accepted(await user.request('GET', `${roomPath(roomId, 'messages')}?dir=b&limit=50`))
  return chunk.flatMap(({ content }: { content: { body?: string } }) => content.body ?? []).toReversed()
}

describe('a room of three servers', function () {
  this.timeout(60_000)
  let federation: Federation
  let [alice, bob, carol]: TestUser[] = []
  let roomId = ''
  /** The transactions that held events. */
  const sent: { from: string; destination: string }[] = []

  before(async () => {
    federation = await startFederation(['a.test', 'b.test', 'c.test'])
    federation.network.interceptor = (from, request, send) => {
      const { pdus = [] } = request.method === 'PUT' ? (JSON.parse(request.body ?? '{}') as { pdus?: unknown[] }) : {}
      if (pdus.length > 0) sent.push({ from, destination: request.destination })
      return send(request)
    }
    const [a, b, c] = federation.servers as [TestServer, TestServer, TestServer]
    alice = await a.register('alice')
    bob = await b.register('bob')
    carol = await c.register('carol')
    roomId = await createRoom(alice, { preset: 'public_chat' })
    const path = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}?via=a.test`
    for (const user of [carol, bob]) {
      accepted(await user.request('POST', path, {}))
      await federation.settle()
    }
  })
  after(() => federation[Symbol.asyncDispose]())

  const sentBy = (name: string) => sent.filter(({ from }) => from === name)

  it('learns of joins from the server that let the user in, and from no other', async () => {
    const everybody = [alice!, bob!, carol!].map(({ userId }) => userId)
    for (const user of [alice!, bob!, carol!]) assert.deepEqual(await membersSeenBy(user, roomId), everybody)
    assert.deepEqual(
      sentBy('a.test').map(({ destination }) => destination),
      ['c.test'],
    )
    for (const name of ['b.test', 'c.test']) assert.deepEqual(sentBy(name), [])
  })

  it('hears each server directly, also while two of the others do not hear each other', async () => {
    federation.network.cut('b.test', 'c.test')
    await sendText(bob!, roomId, 'from b')
    await sendText(carol!, roomId, 'from c')
    await sendText(alice!, roomId, 'from a')
    await federation.settle()
    assert.deepEqual((await bodiesSeenBy(alice!, roomId)).toSorted(), ['from a', 'from b', 'from c'])
    federation.network.heal('b.test', 'c.test')
    await federation.clock.advance(minute)
    await federation.settle()
    for (const user of [bob!, carol!])
      assert.deepEqual((await bodiesSeenBy(user, roomId)).toSorted(), ['from a', 'from b', 'from c'])
  })

  it('tells of a kick to all, the one who is kicked among them', async () => {
    accepted(await act(alice!, 'kick', roomId, bob!.userId))
    await federation.settle()
    for (const user of [alice!, carol!])
      assert.deepEqual(await membersSeenBy(user, roomId), [alice!.userId, carol!.userId])
    const { status } = await bob!.request('PUT', roomPath(roomId, 'send', 'm.room.message', 'x'), { body: 'no' })
    assert.equal(status, 403)
    const before = sentBy('a.test').filter(({ destination }) => destination === 'b.test').length
    await sendText(alice!, roomId, 'not for b')
    await federation.settle()
    assert.equal(sentBy('a.test').filter(({ destination }) => destination === 'b.test').length, before)
    assert.ok((await bodiesSeenBy(carol!, roomId)).includes('not for b'))
  })
})
