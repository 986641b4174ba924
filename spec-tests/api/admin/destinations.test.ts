import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import { enqueueEdus } from '#services/remote/outgoing-edus.ts'
import { createAccount } from '#services/accounts/registration/create-account.ts'
import { startSending, type Sending } from '../../support/federation/sending.ts'
import { sendText } from '../../support/rooms/rooms.ts'
import { accepted, loginUser, refused, testPassword, type TestUser } from '../../support/server/client.ts'

const path = '/_synapse/admin/v1/federation/destinations'

async function registerAdmin({ server }: Sending): Promise<TestUser> {
  await createAccount(server.context, { localpart: 'root', password: testPassword, admin: true })
  return loginUser(server.url, 'root')
}

describe('the administration of other servers', function () {
  this.timeout(30_000)

  it('lists those that something was sent to, and why, since when and until when they are left alone', async () => {
    await using sending = await startSending()
    const { alice, clock, ctx } = sending
    const root = await registerAdmin(sending)
    const [near, far] = ['near.test', 'far.test'].map((name) => sending.peer(name))
    const roomId = await sending.room([near!, far!])
    far!.fall()
    await sendText(alice, roomId, 'one')
    await ctx.store.transaction((tx) =>
      enqueueEdus(ctx, tx, [{ destination: 'far.test', type: 'm.direct_to_device', content: {} }]),
    )
    await sending.settle()

    const { destinations, total } = accepted(await root.request('GET', path))
    assert.equal(total, 2)
    const now = clock.now()
    const position = destinations[1].last_successful_stream_ordering
    assert.ok(position > 0)
    assert.deepEqual(destinations, [
      {
        destination: 'far.test',
        retry_last_ts: now,
        retry_interval: 500,
        failure_ts: now,
        last_successful_stream_ordering: null,
        retry_at: now + 500,
        last_error: 'It is down',
        pending_rooms: 1,
        pending_edus: 1,
        pending_edu_bytes: 2,
      },
      {
        destination: 'near.test',
        retry_last_ts: 0,
        retry_interval: 0,
        failure_ts: null,
        last_successful_stream_ordering: position,
        retry_at: null,
        last_error: null,
        pending_rooms: 0,
        pending_edus: 0,
        pending_edu_bytes: 0,
      },
    ])
    assert.deepEqual(accepted(await root.request('GET', `${path}/far.test`)), destinations[0])
    const { rooms } = accepted(await root.request('GET', `${path}/near.test/rooms`))
    assert.deepEqual(rooms, [{ room_id: roomId, stream_ordering: position }])
  })

  it('shows pages in an order, and what is searched for', async () => {
    await using sending = await startSending()
    const root = await registerAdmin(sending)
    const names = ['a1.test', 'b1.test', 'c1.test', 'c2.test']
    const roomId = await sending.room(names.map((name) => sending.peer(name)))
    await sendText(sending.alice, roomId, 'one')
    await sending.settle()
    const list = async (query: string): Promise<{ names: string[]; total: number; next: string | undefined }> => {
      const { destinations, total, next_token: next } = accepted(await root.request('GET', `${path}?${query}`))
      return { names: destinations.map(({ destination }: { destination: string }) => destination), total, next }
    }
    assert.deepEqual(await list('limit=3'), { names: names.slice(0, 3), total: 4, next: '3' })
    assert.deepEqual(await list('from=3'), { names: names.slice(3), total: 4, next: undefined })
    assert.deepEqual((await list('dir=b&order_by=destination&limit=2')).names, ['c2.test', 'c1.test'])
    assert.deepEqual(await list('destination=C2'), { names: ['c2.test'], total: 1, next: undefined })
    assert.deepEqual((await list('destination=%25')).names, [])
    for (const order of ['retry_last_ts', 'retry_interval', 'failure_ts', 'last_successful_stream_ordering'])
      assert.equal((await list(`order_by=${order}`)).names.length, 4)
  })

  it('tries a server again at once on demand', async () => {
    await using sending = await startSending()
    const root = await registerAdmin(sending)
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    near.fall()
    await sendText(sending.alice, roomId, 'one')
    for (let minutes = 0; minutes < 30; minutes++) await sending.pass(60_000)
    near.rise()
    const reset = () => root.request('POST', `${path}/near.test/reset_connection`, {})
    assert.equal((await reset()).status, 200)
    await sending.settle()
    assert.deepEqual(near.bodies, ['one'])
    refused(await reset(), 400, 'M_INVALID_PARAM')
  })

  it('forgets a deleted room, whose servers have learned that the users here left', async () => {
    await using sending = await startSending()
    const root = await registerAdmin(sending)
    const near = sending.peer('near.test')
    const roomId = await sending.room([near])
    await sendText(sending.alice, roomId, 'one')
    await sending.settle()
    accepted(await root.request('DELETE', `/_synapse/admin/v2/rooms/${encodeURIComponent(roomId)}`, {}))
    await sending.settle()
    const left = near.received.flatMap(({ pdus }) =>
      pdus.flatMap(({ type, content }) => (type === 'm.room.member' ? [(content as JsonObject).membership] : [])),
    )
    assert.deepEqual(left, ['leave'])
    assert.equal(accepted(await root.request('GET', `${path}/near.test/rooms`)).total, 0)
    assert.deepEqual(await sending.ctx.store.federation.destinationRooms.pendingOf('near.test', 0, 10), [])
  })

  it('is for administrators, and knows no other servers', async () => {
    await using sending = await startSending()
    const root = await registerAdmin(sending)
    refused(await sending.alice.request('GET', path), 403, 'M_FORBIDDEN')
    for (const inside of ['', '/rooms'])
      refused(await root.request('GET', `${path}/unknown.test${inside}`), 404, 'M_NOT_FOUND')
    refused(await root.request('POST', `${path}/unknown.test/reset_connection`, {}), 404, 'M_NOT_FOUND')
  })
})
