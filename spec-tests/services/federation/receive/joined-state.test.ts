import assert from 'node:assert/strict'
import type { EventId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { evictAll } from '../../../support/server/evict-all.ts'
import { findTestKey, silent } from '../../../support/federation/receive-needs.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import type { TestRoom } from '../../../support/generators/test-room.ts'
import { alice } from '../../../support/generators/scene.ts'
import { member, message, state } from '../../../support/generators/acts.ts'
import { accepted, type TestUser } from '../../../support/server/client.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'
import { sync, type SyncedRoom, type SyncEvent, type SyncQuery } from '../../../support/server/sync.ts'
import { readRoom } from '../../../support/rooms/room-reads.ts'

const bob: UserId = '@bob:s1.test'
const us: UserId = '@us:test'

type State = Record<string, string>

const named = (events: readonly SyncEvent[]): State =>
  Object.fromEntries(
    events
      .filter(({ state_key }) => state_key !== undefined)
      .map(({ type, state_key, event_id }) => [`${type}|${state_key}`, event_id]),
  )

const withoutMembers = (known: State): State =>
  Object.fromEntries(Object.entries(known).filter(([key]) => !key.startsWith('m.room.member|')))

/** What a client holds that applies `state` and then the timeline as sent, or `state_after` alone. */
const applied = (room: SyncedRoom | undefined, known: State): State =>
  room?.state_after
    ? { ...known, ...named(room.state_after.events) }
    : { ...known, ...named(room?.state.events ?? []), ...named(room?.timeline.events ?? []) }

type Shape = { name: string; isLazy: boolean; query: SyncQuery }

const shapes: Shape[] = [1, 3, 50].flatMap((limit) =>
  [false, true].flatMap((isLazy) =>
    [false, true].map((stateAfter) => ({
      name: `limit ${limit}${isLazy ? ', lazy' : ''}${stateAfter ? ', state_after' : ''}`,
      isLazy,
      query: {
        filter: { room: { timeline: { limit }, state: { lazy_load_members: isLazy } } },
        ...(stateAfter && { use_state_after: 'true' }),
      },
    })),
  ),
)

/** Clients of every shape that follow one room, and new ones at each moment, with warm and with cold caches. */
class Followers {
  readonly #server: TestServer
  readonly #user: TestUser
  readonly #remote: TestRoom
  readonly #views = new Map<Shape, { since: string; known: State }>()

  constructor(server: TestServer, user: TestUser, remote: TestRoom) {
    this.#server = server
    this.#user = user
    this.#remote = remote
  }

  async begin(): Promise<void> {
    for (const shape of shapes)
      this.#views.set(shape, { since: (await sync(this.#user, shape.query)).next_batch, known: {} })
  }

  /** Each of them knows the room as it is now. */
  async knowTheState(): Promise<void> {
    const { roomId } = this.#remote
    const actual = named(accepted(await readRoom(this.#user, [roomId, 'state'])) as SyncEvent[])
    for (const isCold of [false, true]) {
      if (isCold) await evictAll(this.#server.context, [roomId])
      for (const shape of shapes) {
        const view = this.#views.get(shape)!
        const { next_batch, rooms } = await sync(this.#user, { ...shape.query, since: view.since })
        const followed = applied(rooms.join?.[roomId], view.known)
        const fresh = applied((await sync(this.#user, shape.query)).rooms.join?.[roomId], {})
        const wanted = (known: State) => (shape.isLazy ? withoutMembers(known) : known)
        const when = `${shape.name}, ${isCold ? 'cold' : 'warm'}`
        assert.deepEqual(wanted(fresh), wanted(actual), `${when}, from nothing`)
        assert.deepEqual(wanted(followed), wanted(actual), `${when}, following`)
        if (isCold) this.#views.set(shape, { since: next_batch, known: followed })
      }
    }
  }
}

describe('/sync of a room of another server', function () {
  this.timeout(60_000)
  for (const id of ['6', '12'])
    it(`N01 tells the state that came in with a join, and what branches that met made of it, in room version ${id}`, async () => {
      await using server = await startTestServer()
      const user = await server.register('us')
      await server.register('other')
      const remote = openedRoom(id, { creator: alice })
      const ctx = { ...server.context, findKey: findTestKey, missingEvents: silent }
      const letIn = async (one: UserId, prevs?: readonly EventId[]) => {
        const joined = remote.add(member(one, one, 'join'), { prevs: prevs })
        assert.equal((await importSendJoin(ctx, sendJoinAnswer(remote, joined))).outcome, 'accepted')
        return joined
      }
      const receive = async (eventId: EventId, expected = 'accepted') => {
        const received = { origin: 's0.test' as const, roomId: remote.roomId, pdu: remote.json(eventId) }
        const { outcome, reason } = await receiveEvent(ctx, received)
        assert.equal(outcome, expected, reason)
        return eventId
      }
      remote.add(state(alice, 'm.room.name', { name: 'first' }))
      remote.add(state(alice, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' }))
      remote.add(member(bob, bob, 'join'))
      const followers = new Followers(server, user, remote)
      await followers.begin()
      const joined = await letIn(us)
      await followers.knowTheState()

      // Two branches, of which one takes the other's state back.
      const topic = (text: string) => state(alice, 'm.room.topic', { topic: text })
      const left = await receive(remote.add(topic('left'), { prevs: [joined] }))
      await followers.knowTheState()
      const ban = await receive(remote.add(member(alice, bob, 'ban'), { prevs: [joined] }))
      await followers.knowTheState()
      const right = await receive(remote.add(topic('right'), { prevs: [ban], sentAt: 1_700_000_000_000 }))
      await followers.knowTheState()
      const met = await receive(remote.add(message(alice, 'met'), { prevs: [left, right] }))
      await followers.knowTheState()

      // What happens now is sent to us only with the join of somebody else, and event by event after it.
      const name = remote.add(state(alice, 'm.room.name', { name: 'elsewhere' }), { prevs: [met] })
      const here = await receive(remote.add(message(alice, 'here'), { prevs: [met] }))
      const other = await letIn('@other:test', [name])
      await followers.knowTheState()
      // Where she may, Alice gives up her power: her former event comes too late then.
      const isDemoted = id === '6'
      const levels = isDemoted ? { users: { [alice]: 0 } } : { events: { 'm.room.topic': 0 } }
      await receive(remote.add(state(alice, 'm.room.power_levels', levels), { prevs: [here, other] }))
      await receive(name, isDemoted ? 'soft-failed' : 'accepted')
      await followers.knowTheState()
    })
})
