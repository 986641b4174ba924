import assert from 'node:assert/strict'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { act, createRoom, join, leave, putState } from '../../../support/rooms/rooms.ts'
import { readRoom } from '../../../support/rooms/room-reads.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'
import type { UserId } from '#protocol/ids.ts'

type Visibility = 'world_readable' | 'shared' | 'invited' | 'joined'

const visibilityState = (history_visibility: Visibility) => ({
  type: 'm.room.history_visibility',
  content: { history_visibility },
})

/** What Bob does; before each of it a guest is in the room for a moment, named after Bob's place in it. */
const story: Record<string, (alice: TestUser, bob: TestUser, roomId: string) => Promise<unknown>> = {
  stranger: (alice, bob, roomId) => act(alice, 'invite', roomId, bob.userId),
  invited: (_alice, bob, roomId) => join(bob, roomId),
  joined: (_alice, bob, roomId) => leave(bob, roomId),
  gone: (_alice, bob, roomId) => join(bob, roomId),
  back: async () => {},
}

const syncToken = async (user: TestUser): Promise<string> =>
  accepted(await user.request('GET', '/_matrix/client/v3/sync')).next_batch

/** Tells the story; answers a token for each moment at which a guest was in the room. */
async function tell(server: TestServer, { alice, bob }: Record<'alice' | 'bob', TestUser>, visibility: Visibility) {
  const roomId = await createRoom(alice, { preset: 'public_chat', initial_state: [visibilityState(visibility)] })
  const tokens = new Map<string, string>()
  for (const [place, act] of Object.entries(story)) {
    const guest = await server.register(place)
    accepted(await join(guest, roomId))
    tokens.set(place, await syncToken(alice))
    accepted(await leave(guest, roomId))
    await act(alice, bob, roomId)
  }
  return { roomId, tokens }
}

/** The guests that Bob hears of when he asks for each moment: in between he hears of none. */
const heardOf: Record<Visibility, string[]> = {
  world_readable: ['stranger', 'invited', 'joined', 'gone', 'back'],
  shared: ['stranger', 'invited', 'joined', 'gone', 'back'],
  invited: ['invited', 'joined', 'back'],
  joined: ['joined', 'back'],
}

describe('GET /rooms/{roomId}/members at a moment', () => {
  for (const [visibility, expected] of Object.entries(heardOf) as [Visibility, string[]][])
    it(`T33 tells of ${visibility} history who was there while the reader might look, else when they first might`, async () => {
      await using server = await startTestServer()
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const { roomId, tokens } = await tell(server, { alice, bob }, visibility)
      const others = new Set([alice.userId, bob.userId])
      for (const isCold of [false, true]) {
        if (isCold) await server.context.rooms.drop(roomId)
        for (const [place, at] of tokens) {
          const { chunk } = accepted(await readRoom(bob, [roomId, 'members'], { at, membership: 'join' }))
          const present: UserId[] = chunk.map(({ state_key }: { state_key: UserId }) => state_key)
          const guests = present.filter((userId) => !others.has(userId))
          assert.deepEqual(guests, expected.includes(place) ? [`@${place}:test`] : [], place)
          assert.ok(present.includes(alice.userId))
          if (!expected.includes(place) && visibility === 'joined') assert.ok(present.includes(bob.userId))
        }
      }
    })

  it('T33 tells those who left nothing from after that, and from before only what they might see', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol, dave] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
      await server.register('dave'),
    ]
    const initial_state = [visibilityState('joined')]
    const roomId = await createRoom(alice, { preset: 'public_chat', initial_state })
    accepted(await join(carol, roomId))
    const before = await syncToken(alice)
    accepted(await leave(carol, roomId))
    accepted(await join(bob, roomId))
    accepted(await leave(bob, roomId))
    accepted(await join(dave, roomId))
    const after = await syncToken(alice)
    const present = async (at: string) => {
      const { chunk } = accepted(await readRoom(bob, [roomId, 'members'], { at, membership: 'join' }))
      return chunk.map(({ state_key }: { state_key: string }) => state_key).sort()
    }
    assert.deepEqual(await present(before), [alice.userId, bob.userId])
    assert.deepEqual(await present(after), [alice.userId])
  })

  it('T33 tells strangers of a room that the world may read nothing from before it might', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const initial_state = [visibilityState('joined')]
    const roomId = await createRoom(alice, { preset: 'public_chat', initial_state })
    accepted(await join(carol, roomId))
    const at = await syncToken(alice)
    accepted(await leave(carol, roomId))
    accepted(await putState(alice, roomId, ['m.room.history_visibility'], visibilityState('world_readable').content))
    const { chunk } = accepted(await readRoom(bob, [roomId, 'members'], { at, membership: 'join' }))
    assert.deepEqual(
      chunk.map(({ state_key }: { state_key: string }) => state_key),
      [alice.userId],
    )
  })
})
