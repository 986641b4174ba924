import assert from 'node:assert/strict'
import { typingChanged } from '#bus/topics.ts'
import { accepted, refused, registerUser, type TestUser } from '../../../support/server/client.ts'
import { act, createRoom, join, leave, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { startRestartableServer } from '../../../support/server/restartable-server.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { sync, type Synced } from '../../../support/server/sync.ts'

const type = (user: TestUser, roomId: string, body: object = { typing: true, timeout: 30_000 }, whose = user.userId) =>
  user.request('PUT', roomPath(roomId, 'typing', whose), body)

/** Who types, as the answer says; undefined where it says nothing. */
const typists = ({ rooms }: Synced, roomId: string): unknown =>
  rooms.join?.[roomId]?.ephemeral.events.find(({ type: name }) => name === 'm.typing')?.content.user_ids

async function room(server: Awaited<ReturnType<typeof startTestServer>>) {
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  accepted(await join(bob, roomId))
  return { alice, bob, roomId }
}

describe('typing', () => {
  it('is told until the time is over, and then that nobody types', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const start = await sync(alice)

    accepted(await type(bob, roomId, { typing: true, timeout: 10_000 }))
    const typing = await sync(alice, { since: start.next_batch })
    await server.clock.advance(9_999)
    const still = await sync(alice, { since: typing.next_batch })
    await server.clock.advance(1)
    const over = await sync(alice, { since: still.next_batch })
    const silent = await sync(alice, { since: over.next_batch })

    assert.deepEqual(
      [start, typing, still, over, silent].map((answer) => typists(answer, roomId)),
      [undefined, [bob.userId], undefined, [], undefined],
    )
  })

  it('is told in a first sync only where somebody types', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)

    accepted(await type(bob, roomId))
    const typing = await sync(alice)
    accepted(await type(bob, roomId, { typing: false }))

    assert.deepEqual(typists(typing, roomId), [bob.userId])
    assert.equal(typists(await sync(alice), roomId), undefined)
  })

  it('ends when the typist leaves the room or is removed', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const carol = await server.register('carol')
    accepted(await join(carol, roomId))
    for (const user of [bob, carol]) accepted(await type(user, roomId))
    const { next_batch: since } = await sync(alice)

    accepted(await leave(bob, roomId))
    accepted(await act(alice, 'kick', roomId, carol.userId))

    assert.deepEqual(typists(await sync(alice, { since }), roomId), [])
  })

  it('names everybody who types', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const { next_batch: since } = await sync(alice)

    for (const user of [alice, bob]) accepted(await type(user, roomId))

    assert.deepEqual(typists(await sync(alice, { since }), roomId), [alice.userId, bob.userId])
  })

  it('goes on for the new time when it is told again, which is no news', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    accepted(await type(bob, roomId, { typing: true, timeout: 10_000 }))
    const { next_batch: since } = await sync(alice)

    await server.clock.advance(9_000)
    accepted(await type(bob, roomId, { typing: true, timeout: 10_000 }))
    await server.clock.advance(9_000)
    const still = await sync(alice, { since })
    await server.clock.advance(1_000)

    assert.equal(typists(still, roomId), undefined)
    assert.deepEqual(typists(await sync(alice, { since }), roomId), [])
  })

  it('lasts 30 s when no time is told, and two minutes at most', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)

    for (const [body, lifetime] of [
      [{ typing: true }, 30_000],
      [{ typing: true, timeout: 2 ** 40 }, 120_000],
    ] as const) {
      accepted(await type(bob, roomId, body))
      await server.clock.advance(lifetime - 1)
      const before = typists(await sync(alice), roomId)
      await server.clock.advance(1)
      assert.deepEqual([before, typists(await sync(alice), roomId)], [[bob.userId], undefined])
    }
  })

  it('goes on after a message, until the client says that it ended', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    accepted(await type(bob, roomId))
    await sendText(bob, roomId, 'First')
    const first = await sync(alice)

    accepted(await type(bob, roomId, { typing: false }))
    const second = await sync(alice, { since: first.next_batch })

    assert.deepEqual([typists(first, roomId), typists(second, roomId)], [[bob.userId], []])
  })

  it('wakes who waits, when it begins and when it runs out', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const { next_batch: since } = await sync(alice)

    const waiting = sync(alice, { since, timeout: '60000' })
    accepted(await type(bob, roomId, { typing: true, timeout: 5_000 }))
    const begun = await waiting
    const ending = sync(alice, { since: begun.next_batch, timeout: '60000' })
    await server.clock.waiting(2)
    await server.clock.advance(5_000)

    assert.deepEqual(typists(begun, roomId), [bob.userId])
    assert.deepEqual(typists(await ending, roomId), [])
  })

  it('N27 is announced a few times a second at most, however often it changes, and as it stands then', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    let announced = 0
    server.context.bus.subscribe(typingChanged, () => void announced++)
    const { next_batch: since } = await sync(alice)
    for (let change = 0; change < 50; change++) {
      accepted(await type(bob, roomId, { typing: change % 2 === 1, timeout: 60_000 }))
      await server.clock.advance(20)
    }
    const inSecond = announced
    await server.clock.advance(1000)

    assert.ok(inSecond >= 5 && inSecond <= 10, `${inSecond} announcements`)
    assert.deepEqual(typists(await sync(alice, { since }), roomId), [bob.userId])
  })

  it('N27 has a rate limit of its own', async () => {
    await using server = await startTestServer({ settings: { rate_limits: { typing: { per_second: 1, burst: 2 } } } })
    const { bob, roomId } = await room(server)
    const statuses = []
    for (let change = 0; change < 3; change++) statuses.push((await type(bob, roomId, { typing: false })).status)

    assert.deepEqual(statuses, [200, 200, 429])
    accepted(await bob.request('GET', '/_matrix/client/v3/account/whoami'))
  })

  it('is told by oneself, in rooms one is in', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    const eve = await server.register('eve')

    refused(await type(alice, roomId, { typing: true }, bob.userId), 403, 'M_FORBIDDEN')
    refused(await type(eve, roomId), 403, 'M_FORBIDDEN')
    refused(await type(eve, '!unknown:test'), 403, 'M_FORBIDDEN')
    refused(await type(bob, roomId, {}), 400, 'M_MISSING_PARAM')
    for (const timeout of [0, -1]) accepted(await type(bob, roomId, { typing: true, timeout }))
  })

  it('T84 remembers a bounded number of rooms that fell silent', async () => {
    await using server = await startTestServer()
    const { typing } = server.context
    const before = typing.serial

    for (let index = 0; index < 1_500; index++) {
      typing.start({ roomId: `!${index}:test`, userId: '@bob:test' }, 30_000, () => {})
      typing.stop({ roomId: `!${index}:test`, userId: '@bob:test' })
    }
    typing.start({ roomId: '!0:test', userId: '@bob:test' }, 30_000, () => {})

    assert.equal(typing.changes(before).size, 1_001)
    assert.deepEqual([...typing.changes(0).keys()], ['!0:test'])
  })

  it('ends with the process, which who comes back to the next one is told once', async () => {
    await using server = await startRestartableServer()
    const [alice, bob] = [await registerUser(server.url, 'alice'), await registerUser(server.url, 'bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const other = await createRoom(alice, { preset: 'public_chat' })
    for (const id of [roomId, other]) accepted(await join(bob, id))
    const start = await sync(alice)
    accepted(await type(bob, roomId))
    const typing = await sync(alice, { since: start.next_batch })
    await sendText(bob, other, 'elsewhere')
    const later = await sync(alice, { since: typing.next_batch })
    await server.clock.advance(1000)
    await server.restart()
    const after = await sync(alice, { since: later.next_batch })
    const silent = await sync(alice, { since: after.next_batch })
    assert.deepEqual(
      [start, typing, later, after, silent].map((answer) => [typists(answer, roomId), typists(answer, other)]),
      [
        [undefined, undefined],
        [[bob.userId], undefined],
        [undefined, undefined],
        [[], undefined],
        [undefined, undefined],
      ],
    )
    accepted(await type(bob, roomId))
    const again = await sync(alice, { since: later.next_batch })
    assert.deepEqual(typists(again, roomId), [bob.userId])
  })

  it('T84 ends in a room that is not remembered too', async () => {
    await using server = await startTestServer()
    const { alice, bob, roomId } = await room(server)
    accepted(await type(bob, roomId))
    const { next_batch: since } = await sync(alice)
    accepted(await type(bob, roomId, { typing: false }))
    const { typing } = server.context
    for (let index = 0; index < 1_500; index++) {
      typing.start({ roomId: `!${index}:test`, userId: bob.userId }, 30_000, () => {})
      typing.stop({ roomId: `!${index}:test`, userId: bob.userId })
    }
    const after = await sync(alice, { since })
    assert.deepEqual(typists(after, roomId), [])
    assert.equal(typists(await sync(alice, { since: after.next_batch }), roomId), undefined)
  })
})
