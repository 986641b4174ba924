import assert from 'node:assert/strict'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { act, createRoom, leave, putState, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted, refused } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const client = '/_matrix/client/v3'

const joinVia = (user: TestUser, room: string, ...via: string[]) =>
  user.request('POST', `${client}/join/${encodeURIComponent(room)}?${via.map((name) => `via=${name}`).join('&')}`, {})

describe('joins between servers', () => {
  let federation: Federation
  let [a, b]: TestServer[] = []
  let [alice, bob]: TestUser[] = []
  before(async () => {
    federation = await startFederation(['a.test', 'b.test', 'c.test'])
    ;[a, b] = federation.servers as [TestServer, TestServer]
    alice = await a.register('alice')
    bob = await b.register('bob')
  })
  after(() => federation[Symbol.asyncDispose]())

  for (const { id } of roomVersions)
    it(`enter a room of version ${id}, both ways`, async () => {
      for (const [server, host, guest, other] of [
        [a!, alice!, bob!, b!],
        [b!, bob!, alice!, a!],
      ] as const) {
        const roomId = await createRoom(host, { preset: 'public_chat', room_version: id, name: 'Here' })
        await sendText(host, roomId, 'before')
        const name = server.context.config.server_name
        assert.equal(accepted(await joinVia(guest, roomId, 'nowhere.test', name)).room_id, roomId)
        const { joined } = accepted(await guest.request('GET', roomPath(roomId, 'joined_members')))
        assert.deepEqual(Object.keys(joined).sort(), [alice!.userId, bob!.userId].sort())
        const there = accepted(await host.request('GET', roomPath(roomId, 'joined_members')))
        assert.deepEqual(Object.keys(there.joined).sort(), [alice!.userId, bob!.userId].sort())
        await sendText(guest, roomId, 'after')
        for (const one of [server, other]) assert.deepEqual(await checkRoom(one.context, roomId), [])
      }
    })
})
void [act, leave, putState, refused]
