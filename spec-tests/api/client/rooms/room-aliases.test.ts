import assert from 'node:assert/strict'
import { accepted, refused, type TestUser } from '../../../support/server/client.ts'
import { createRoom, join, leave, putState, roomPath, stateOf } from '../../../support/rooms/rooms.ts'
import { startTestServer } from '../../../support/server/server.ts'

const creation = '/_matrix/client/v3/createRoom'
const path = (alias: string) => `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`
const add = (user: TestUser, alias: string, roomId: string) => user.request('PUT', path(alias), { room_id: roomId })
const remove = (user: TestUser, alias: string) => user.request('DELETE', path(alias))

describe('room aliases', () => {
  it('lead to their room, also for strangers, until they are taken away', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    refused(await server.anonymous.request('GET', path('#täa/x:test')), 404, 'M_NOT_FOUND')
    assert.deepEqual(accepted(await add(alice, '#täa/x:test', roomId)), {})
    const found = accepted(await server.anonymous.request('GET', path('#täa/x:test')))
    assert.deepEqual(found, { room_id: roomId, servers: ['test'] })
    assert.deepEqual(accepted(await remove(alice, '#täa/x:test')), {})
    refused(await server.anonymous.request('GET', path('#täa/x:test')), 404, 'M_NOT_FOUND')
    refused(await remove(alice, '#täa/x:test'), 404, 'M_NOT_FOUND')
  })

  it('are taken once', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const [one, two] = [await createRoom(alice), await createRoom(alice)]
    const both = await Promise.all([add(alice, '#tea:test', one), add(alice, '#tea:test', two)])
    assert.deepEqual(both.map(({ status }) => status).toSorted(), [200, 409])
    refused(await add(alice, '#tea:test', one), 409, 'M_UNKNOWN')
  })

  it('name no room whose making a crash cut off, and are free again soon after', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const { eventWriter } = server.context.store
    const { write } = eventWriter
    const reached = Promise.withResolvers<void>()
    eventWriter.write = () => {
      reached.resolve()
      return new Promise(() => {})
    }
    const crash = new AbortController()
    const body = { room_alias_name: 'tea' }
    const lost = alice.request('POST', creation, body, { signal: crash.signal }).catch(() => {})
    await reached.promise
    crash.abort()
    await lost
    eventWriter.write = write

    refused(await server.anonymous.request('GET', path('#tea:test')), 404, 'M_NOT_FOUND')
    refused(await bob.request('POST', creation, body), 400, 'M_ROOM_IN_USE')
    await server.clock.advance(300_001)
    const roomId = await createRoom(bob, body)
    assert.equal(accepted(await server.anonymous.request('GET', path('#tea:test'))).room_id, roomId)
  })

  it('are of this server and well-formed', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    for (const alias of ['tea', '#tea', '#tea:not a server', `#${'x'.repeat(1000)}:test`, '#tea:elsewhere'])
      refused(await add(alice, alias, roomId), 400, 'M_INVALID_PARAM')
    refused(await server.anonymous.request('GET', path('tea')), 400, 'M_INVALID_PARAM')
    refused(await server.anonymous.request('GET', path('#tea:elsewhere')), 404, 'M_NOT_FOUND')
    refused(await alice.request('PUT', path('#tea:test'), {}), 400, 'M_MISSING_PARAM')
    refused(await server.anonymous.request('PUT', path('#tea:test'), { room_id: roomId }), 401, 'M_MISSING_TOKEN')
  })

  it('are made by members of the room', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    refused(await add(bob, '#tea:test', roomId), 403, 'M_FORBIDDEN')
    accepted(await join(bob, roomId))
    accepted(await add(bob, '#tea:test', roomId))
  })

  it('are taken away by who made them and by who speaks for the room', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    for (const user of [bob, carol]) accepted(await join(user, roomId))
    for (const name of ['a', 'b', 'c']) accepted(await add(bob, `#${name}:test`, roomId))
    refused(await remove(carol, '#a:test'), 403, 'M_FORBIDDEN')
    accepted(await remove(alice, '#a:test'))
    accepted(await leave(bob, roomId))
    accepted(await remove(bob, '#b:test'))
    accepted(await leave(alice, roomId))
    refused(await remove(alice, '#c:test'), 403, 'M_FORBIDDEN')
  })

  it('vanish from the canonical alias when they go, if who takes them away may say so', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    accepted(await join(bob, roomId))
    for (const name of ['a', 'b']) accepted(await add(alice, `#${name}:test`, roomId))
    accepted(await add(bob, '#c:test', roomId))
    const content = { alias: '#a:test', alt_aliases: ['#b:test', '#c:test'], 'org.example': 1 }
    accepted(await putState(alice, roomId, ['m.room.canonical_alias'], content))
    accepted(await remove(bob, '#c:test'))
    assert.deepEqual(await stateOf(server, roomId, 'm.room.canonical_alias'), content)
    accepted(await remove(alice, '#b:test'))
    assert.deepEqual(await stateOf(server, roomId, 'm.room.canonical_alias'), {
      ...content,
      alt_aliases: ['#c:test'],
    })
    accepted(await remove(alice, '#a:test'))
    const { alias: _alias, ...left } = { ...content, alt_aliases: ['#c:test'] }
    assert.deepEqual(await stateOf(server, roomId, 'm.room.canonical_alias'), left)
  })

  it('are listed to members, and to everybody where the world may read', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(alice, { room_alias_name: 'a' })
    accepted(await add(alice, '#b:test', roomId))
    const list = (user: TestUser) => user.request('GET', roomPath(roomId, 'aliases'))
    assert.deepEqual(accepted(await list(alice)), { aliases: ['#a:test', '#b:test'] })
    refused(await list(bob), 403, 'M_FORBIDDEN')
    accepted(await putState(alice, roomId, ['m.room.history_visibility'], { history_visibility: 'world_readable' }))
    assert.deepEqual(accepted(await list(bob)), { aliases: ['#a:test', '#b:test'] })
  })

  it('T84 are a thousand for each user', async () => {
    await using server = await startTestServer()
    const alice = await server.register('alice')
    const roomId = await createRoom(alice)
    const mine = { roomId: roomId as '!', createdBy: alice.userId, createdAt: 0 }
    await server.context.store.transaction(async (tx) => {
      for (let n = 1; n < 1000; n++) await tx.rooms.aliases.insert({ ...mine, alias: `#${n}:test` })
    })
    accepted(await add(alice, '#last:test', roomId))
    refused(await add(alice, '#more:test', roomId), 403, 'M_FORBIDDEN')
    const body = { room_alias_name: 'more' }
    refused(await alice.request('POST', '/_matrix/client/v3/createRoom', body), 403, 'M_FORBIDDEN')
  })
})
