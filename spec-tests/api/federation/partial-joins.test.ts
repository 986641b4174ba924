import assert from 'node:assert/strict'
import type { RoomId } from '#protocol/ids.ts'
import { createAccount } from '#services/accounts/registration/create-account.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { requestRoomDeletion } from '#services/rooms/purge/delete-room.ts'
import { holdState, until, type HeldState } from '../../support/federation/held-state.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { act, createRoom, leave, roomPath, sendText } from '../../support/rooms/rooms.ts'
import { accepted, refused, registerUser, testPassword, type TestUser } from '../../support/server/client.ts'
import { fakeClock } from '../../support/server/clock.ts'
import { deviceKeysOf } from '../../support/server/device-crypto.ts'
import { startRestartableServer } from '../../support/server/restartable-server.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

const client = '/_matrix/client/v3'
const settings = { federation: { key_servers: [], partial_joins: true } }
const lazy = JSON.stringify({ room: { state: { lazy_load_members: true } } })

const joinVia = (user: TestUser, room: string, ...via: string[]) =>
  user.request('POST', `${client}/join/${encodeURIComponent(room)}?${via.map((name) => `via=${name}`).join('&')}`, {})

const syncOf = async (user: TestUser, { since, filter, timeout = 0 }: SyncOptions = {}) => {
  const query = new URLSearchParams({ timeout: String(timeout), ...(since && { since }), ...(filter && { filter }) })
  return accepted(await user.request('GET', `${client}/sync?${query}`))
}
type SyncOptions = { since?: string; filter?: string; timeout?: number }

const bodiesSeenBy = async (user: TestUser, roomId: string): Promise<string[]> => {
  const { chunk } = accepted(await user.request('GET', `${roomPath(roomId, 'messages')}?dir=b&limit=50`))
  const messages = chunk as { content: { body?: string } }[]
  return messages.flatMap(({ content }) => content.body ?? []).reverse()
}

const membersOf = async (user: TestUser, roomId: string): Promise<string[]> => {
  const { joined } = accepted(await user.request('GET', roomPath(roomId, 'joined_members')))
  return Object.keys(joined).sort()
}

describe('joins that leave members out', () => {
  let federation: Federation
  let [a, b, c, d]: TestServer[] = []
  let [alice, carol, erin]: TestUser[] = []
  let count = 0
  const holding: HeldState[] = []
  before(async () => {
    federation = await startFederation(['a.test', 'b.test', 'c.test', 'd.test'], { settings })
    ;[a, b, c, d] = federation.servers as [TestServer, TestServer, TestServer, TestServer]
    alice = await a.register('alice')
    carol = await a.register('carol')
    erin = await c.register('erin')
  })
  after(() => federation[Symbol.asyncDispose]())
  afterEach(() => {
    for (const held of holding.splice(0)) held.release()
    federation.network.interceptor = undefined
    for (const other of ['b.test', 'c.test']) federation.network.heal('a.test', other)
  })

  type Joined = { roomId: RoomId; bob: TestUser; held: HeldState }

  /** A room of two users at one server and one at another, and a user of a third server to join it. */
  const roomToJoin = async (): Promise<{ roomId: RoomId; bob: TestUser }> => {
    const roomId = await createRoom(alice!, { preset: 'public_chat', name: 'Here' })
    accepted(await carol!.request('POST', roomPath(roomId, 'join'), {}))
    accepted(await joinVia(erin!, roomId, 'a.test'))
    await federation.settle()
    return { roomId, bob: await b!.register(`bob${count++}`) }
  }
  const joined = async (): Promise<Joined> => {
    const { roomId, bob } = await roomToJoin()
    const held = holdState(federation.network)
    holding.push(held)
    accepted(await joinVia(bob, roomId, 'a.test'))
    await held.asked
    return { roomId, bob, held }
  }
  const isWhole = async (roomId: RoomId) => (await b!.context.rooms.find(roomId))?.isPartial === false
  const everybody = (bob: TestUser) => [alice!.userId, bob.userId, carol!.userId, erin!.userId].sort()
  const assertWhole = async ({ roomId, bob }: Pick<Joined, 'roomId' | 'bob'>) => {
    await until(() => isWhole(roomId))
    assert.deepEqual(await membersOf(bob, roomId), everybody(bob))
    assert.deepEqual(await checkRoom(b!.context, roomId), [])
  }

  it('give the room at once, and its members afterwards', async () => {
    const { roomId, bob, held } = await joined()
    const partial = await b!.context.rooms.find(roomId)
    assert.equal(partial?.isPartial, true)
    assert.equal(partial.members.has(carol!.userId), false)
    assert.equal(accepted(await bob.request('GET', roomPath(roomId, 'state', 'm.room.name'))).name, 'Here')
    held.release()
    await assertWhole({ roomId, bob })
  })

  it('are listed for administrators while they wait for members', async () => {
    const path = '/_synapse/admin/v1/partial_rooms'
    await createAccount(b!.context, { localpart: 'root', password: testPassword, admin: true })
    const root = await b!.login('root')
    const { roomId, bob, held } = await joined()

    const expected = { room_id: roomId, members: null, state_events: null, attempts: 1, last_error: null }
    const { rooms } = accepted(await root.request('GET', path))
    assert.deepEqual(rooms, [{ ...expected, since: federation.clock.now() }])
    assert.deepEqual(accepted(await root.request('GET', `${path}?from=${encodeURIComponent(roomId)}`)), { rooms: [] })
    refused(await bob.request('GET', path), 403, 'M_FORBIDDEN')
    held.release()
    await assertWhole({ roomId, bob })
    await until(async () => accepted(await root.request('GET', path)).rooms.length === 0)
  })

  it('fetch the members of a larger room in one answer', async () => {
    const { roomId, bob } = await roomToJoin()
    const localpart = (n: number) => `@many${count}x${n}:a.test` as const
    const invites = Array.from({ length: 150 }, (_, n) => ({
      type: 'm.room.member',
      stateKey: localpart(n),
      sender: alice!.userId,
      content: { membership: 'invite' },
    }))
    await appendEvents(a!.context, roomId, invites)
    const before = federation.network.requests.length
    accepted(await joinVia(bob, roomId, 'a.test'))
    await assertWhole({ roomId, bob })
    const uris = federation.network.requests.slice(before).map(({ uri }) => uri)
    assert.equal(uris.filter((uri) => uri.includes('/v1/state/')).length, 1)
    // The one that the join follows.
    assert.ok(uris.filter((uri) => uri.includes('/v1/event/')).length <= 1)
    const room = await b!.context.rooms.find(roomId)
    assert.equal(room?.count('invite'), 150)
  })

  it('let users send at once, to all servers in the room', async () => {
    const { roomId, bob, held } = await joined()
    await sendText(bob, roomId, 'early')
    for (const user of [alice!, erin!]) await until(async () => (await bodiesSeenBy(user, roomId)).includes('early'))
    assert.deepEqual(await bodiesSeenBy(bob, roomId), ['early'])
    held.release()
    await assertWhole({ roomId, bob })
  })

  it('show the room to lazy clients at once, and then how many are in it', async () => {
    const { roomId, bob, held } = await joined()
    const first = await syncOf(bob, { filter: lazy })
    const types = first.rooms.join[roomId].state.events.map(({ type }: { type: string }) => type)
    assert.ok(types.includes('m.room.name'))
    const waiting = syncOf(bob, { filter: lazy, since: first.next_batch, timeout: 30_000 })
    held.release()
    const { rooms } = await waiting
    assert.equal(rooms.join[roomId].summary['m.joined_member_count'], 4)
    assert.equal(rooms.join[roomId].timeline.limited, false)
    assert.deepEqual(rooms.join[roomId].timeline.events, [])
    await assertWhole({ roomId, bob })
  })

  it('show the room to other clients once it is whole, and wake them then', async () => {
    const { roomId, bob, held } = await joined()
    const first = await syncOf(bob)
    assert.equal(first.rooms.join?.[roomId], undefined)
    await sendText(bob, roomId, 'early')
    const second = await syncOf(bob, { since: first.next_batch })
    assert.equal(second.rooms.join?.[roomId], undefined)
    const waiting = syncOf(bob, { since: second.next_batch, timeout: 30_000 })
    held.release()
    const { rooms, next_batch: since } = await waiting
    const { state, timeline } = rooms.join[roomId]
    const events = [...state.events, ...timeline.events] as { type: string; state_key?: string }[]
    const members = events.flatMap(({ type, state_key: key }) => (type === 'm.room.member' ? (key ?? '') : []))
    assert.deepEqual([...new Set(members)].sort(), everybody(bob))
    const last = await syncOf(bob, { since })
    assert.equal(last.rooms.join?.[roomId], undefined)
  })

  it('announce the devices of the members who appear', async () => {
    const { roomId, bob, held } = await joined()
    const { next_batch: since } = await syncOf(bob, { filter: lazy })
    held.release()
    await until(() => isWhole(roomId))
    const later = await syncOf(bob, { filter: lazy, since })
    for (const { userId } of [alice!, carol!, erin!]) assert.ok(later.device_lists.changed.includes(userId), userId)
    const query = new URLSearchParams({ from: since, to: later.next_batch })
    const { changed } = accepted(await bob.request('GET', `${client}/keys/changes?${query}`))
    for (const { userId } of [alice!, carol!, erin!]) assert.ok(changed.includes(userId), userId)
  })

  for (const [name, path] of [
    ['/members', 'members'],
    ['/joined_members', 'joined_members'],
    ['/state', 'state'],
    ['a member who is not known yet', 'state/m.room.member/@erin:c.test'],
  ] as const)
    it(`let ${name} wait until the members are here, but not for ever`, async () => {
      const { roomId, bob, held } = await joined()
      const read = () => bob.request('GET', roomPath(roomId, ...path.split('/')))
      const early = read()
      await until(async () => {
        // In steps, as time goes: leases of jobs end after half a minute.
        await federation.clock.advance(10_000)
        return Promise.race([early.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, 20, false))])
      })
      refused(await early, 503, 'M_UNKNOWN')
      const late = read()
      held.release()
      assert.match(JSON.stringify(accepted(await late)), /erin/)
    })

  it('let acts on other members wait until these are known', async () => {
    const { roomId, bob, held } = await joined()
    let isAnswered = false
    const invite = act(bob, 'invite', roomId, erin!.userId).finally(() => (isAnswered = true))
    await sendText(bob, roomId, 'early')
    assert.equal(isAnswered, false)
    held.release()
    // She is in the room already.
    refused(await invite, 403, 'M_FORBIDDEN')
    await assertWhole({ roomId, bob })
  })

  it('show what others send meanwhile at once, with who they are', async () => {
    const { roomId, bob, held } = await joined()
    await sendText(bob, roomId, 'mine')
    const { next_batch: since } = await syncOf(bob, { filter: lazy })
    for (const [user, body] of [
      [alice!, 'one'],
      [carol!, 'two'],
      [erin!, 'three'],
    ] as const)
      await sendText(user, roomId, body)
    await until(async () => (await bodiesSeenBy(bob, roomId)).length === 4)
    assert.deepEqual((await bodiesSeenBy(bob, roomId)).toSorted(), ['mine', 'one', 'three', 'two'])
    const { rooms } = await syncOf(bob, { filter: lazy, since })
    const shown = rooms.join[roomId].state.events.map((event: { state_key?: string }) => event.state_key)
    for (const { userId } of [carol!, erin!]) assert.ok(shown.includes(userId), userId)
    held.release()
    assert.deepEqual(await b!.context.store.federation.stagedEvents.page(0, 10), [])
    await assertWhole({ roomId, bob })
  })

  it('show meanwhile who is typing', async () => {
    const { roomId, bob, held } = await joined()
    const { next_batch: since } = await syncOf(bob, { filter: lazy })
    accepted(await erin!.request('PUT', roomPath(roomId, 'typing', erin!.userId), { typing: true, timeout: 30_000 }))
    await until(async () => {
      const { rooms } = await syncOf(bob, { filter: lazy, since })
      return JSON.stringify(rooms.join?.[roomId]?.ephemeral ?? {}).includes(erin!.userId)
    })
    held.release()
    await assertWhole({ roomId, bob })
  })

  it('announce devices meanwhile to all servers in the room', async () => {
    const { roomId, bob, held } = await joined()
    const { next_batch: since } = await syncOf(erin!)
    accepted(await bob.request('POST', `${client}/keys/upload`, { device_keys: deviceKeysOf(bob) }))
    await until(async () => (await syncOf(erin!, { since })).device_lists?.changed?.includes(bob.userId))
    held.release()
    await assertWhole({ roomId, bob })
  })

  it('give nothing to other servers meanwhile', async () => {
    const { roomId, bob, held } = await joined()
    const late = await d!.register(`late${count++}`)
    refused(await joinVia(late, roomId, 'b.test'), 404, 'M_NOT_FOUND')
    held.release()
    await assertWhole({ roomId, bob })
    accepted(await joinVia(late, roomId, 'b.test'))
  })

  it('can be left, and made again, before they are complete', async () => {
    const { roomId, bob, held } = await joined()
    accepted(await leave(bob, roomId))
    await until(async () => !(await membersOf(alice!, roomId)).includes(bob.userId))
    accepted(await joinVia(bob, roomId))
    await until(async () => (await membersOf(alice!, roomId)).includes(bob.userId))
    held.release()
    await assertWhole({ roomId, bob })
  })

  it('end where all of our users have left', async () => {
    const { roomId, bob, held } = await joined()
    accepted(await leave(bob, roomId))
    held.release()
    await federation.settle()
    assert.equal((await b!.context.rooms.find(roomId))?.localUsers.size, 0)
    assert.deepEqual(await checkRoom(b!.context, roomId), [])
  })

  it('end where our user is kicked, and the servers give nothing any more', async () => {
    const { roomId, bob, held } = await joined()
    accepted(await act(alice!, 'kick', roomId, bob.userId))
    await until(async () => (await b!.context.rooms.find(roomId))?.localUsers.size === 0)
    const { rooms } = await sync(bob)
    assert.equal(rooms.join?.[roomId], undefined)
    held.release()
    await federation.settle()
    accepted(await joinVia(bob, roomId, 'a.test'))
    await assertWhole({ roomId, bob })
  })

  it('can be purged, and made again, before they are complete', async () => {
    const { roomId, bob, held } = await joined()
    const deletion = { roomId, by: bob.userId, block: false, purge: true, force: true }
    await requestRoomDeletion(b!.context, deletion)
    await until(async () => (await b!.context.store.rooms.purges.listUnfinished(roomId, 'room')).length === 0)
    assert.equal(await b!.context.rooms.findStored(roomId), undefined)
    accepted(await joinVia(bob, roomId, 'a.test'))
    held.release()
    await assertWhole({ roomId, bob })
  })

  it('let a second user in before the room is whole', async () => {
    const { roomId, bob, held } = await joined()
    const dora = await b!.register(`dora${count++}`)
    accepted(await joinVia(dora, roomId, 'a.test'))
    assert.equal(await isWhole(roomId), false)
    await until(async () => (await membersOf(alice!, roomId)).includes(dora.userId))
    held.release()
    await until(() => isWhole(roomId))
    assert.deepEqual(await membersOf(bob, roomId), [...everybody(bob), dora.userId].sort())
    assert.deepEqual(await checkRoom(b!.context, roomId), [])
  })

  it('are completed by other servers of the room', async () => {
    const { roomId, bob } = await roomToJoin()
    const held = holdState(federation.network, 'a.test')
    accepted(await joinVia(bob, roomId, 'a.test'))
    await held.asked
    await until(async () => (await membersOf(erin!, roomId)).includes(bob.userId))
    federation.network.cut('a.test', 'b.test')
    held.release()
    await assertWhole({ roomId, bob })
  })

  it('judge what came meanwhile by the whole state', async () => {
    const { roomId, bob, held } = await joined()
    // The server of who is banned does not hear of it, and goes on.
    federation.network.cut('a.test', 'c.test')
    await sendText(bob, roomId, 'heard')
    await until(async () => (await bodiesSeenBy(erin!, roomId)).includes('heard'))
    accepted(await act(alice!, 'ban', roomId, erin!.userId))
    await until(async () => (await b!.context.rooms.find(roomId))?.members.get(erin!.userId) === 'ban')
    const banned = await sendText(erin!, roomId, 'banned')
    await until(async () => (await b!.context.store.rooms.events.find(banned)) !== undefined)
    held.release()
    await until(() => isWhole(roomId))
    assert.deepEqual(await bodiesSeenBy(bob, roomId), ['heard'])
    assert.equal((await b!.context.rooms.find(roomId))?.members.get(erin!.userId), 'ban')
    assert.deepEqual(await checkRoom(b!.context, roomId), [])
  })
})

describe('a join that leaves members out, and a restart', () => {
  it('is completed afterwards', async () => {
    const clock = fakeClock()
    await using federation = await startFederation(['a.test', 'c.test'], { settings, clock })
    const { network } = federation
    await using server = await startRestartableServer({
      transport: network.transportOf('test'),
      settings,
      clock,
    })
    network.add('test', server.url)
    const [a, c] = federation.servers as [TestServer, TestServer]
    const [alice, erin] = [await a.register('alice'), await c.register('erin')]
    const bob = await registerUser(server.url, 'bob')
    const roomId = await createRoom(alice, { preset: 'public_chat', name: 'Here' })
    accepted(await joinVia(erin, roomId, 'a.test'))
    await federation.settle()
    const held = holdState(network)
    accepted(await joinVia(bob, roomId, 'a.test'))
    await held.asked
    await sendText(alice, roomId, 'meanwhile')
    await until(async () => (await bodiesSeenBy(bob, roomId)).includes('meanwhile'))
    await server.restart()
    assert.equal((await server.context.rooms.find(roomId))?.isPartial, true)
    held.release()
    await until(async () => (await server.context.rooms.find(roomId))?.isPartial === false)
    assert.deepEqual(await membersOf(bob, roomId), [alice.userId, bob.userId, erin.userId].sort())
    await until(async () => (await bodiesSeenBy(bob, roomId)).includes('meanwhile'))
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })
})
