import assert from 'node:assert/strict'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { appendEvents } from '#services/rooms/write/append.ts'
import { member } from '../../../support/generators/acts.ts'
import { findTestKey, silent } from '../../../support/federation/receive-needs.ts'
import { sendJoinAnswer } from '../../../support/federation/send-join-answer.ts'
import { openedRoom } from '../../../support/generators/opened-room.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import { createRoom, join, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { joined, sync } from '../../../support/server/sync.ts'

/** Events are loaded by 2,000 at once. */
const notes = 2100
const type = 'org.example.note'

type StateEvent = { type: string; state_key?: string | undefined; content: { note?: unknown } }

function assertAllNotes(events: readonly StateEvent[], change: (note: number) => number = (note) => note): void {
  const found = events.filter((event) => event.type === type)
  assert.equal(found.length, notes)
  assert.equal(new Set(found.map((event) => event.state_key)).size, notes)
  for (const { state_key: key, content } of found) assert.equal(content.note, change(Number(key)))
}

describe('a room with more state than a query loads', function () {
  this.timeout(120_000)

  it('is read whole: by its members, in a first sync, at an earlier position, and by who has left', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [await server.register('alice'), await server.register('bob'), await server.register('carol')] // prettier-ignore
    const roomId = (await createRoom(alice, { preset: 'public_chat' })) as RoomId
    accepted(await join(bob, roomId))
    const { userId: sender } = alice
    const note = (n: number, value: number) => ({ type, stateKey: `${n}`, sender, content: { note: value } })
    await appendEvents(
      server.context,
      roomId,
      Array.from({ length: notes }, (_, n) => note(n, n)),
    )
    accepted(await bob.request('POST', roomPath(roomId, 'leave'), {}))
    const { next_batch: since } = await sync(alice)
    const last = await sendText(alice, roomId, 'between')
    await appendEvents(
      server.context,
      roomId,
      Array.from({ length: notes }, (_, n) => note(n, n + 1)),
    )
    accepted(await join(carol, roomId))

    const later = (n: number) => n + 1
    assertAllNotes(accepted(await alice.request('GET', roomPath(roomId, 'state'))), later)
    assertAllNotes(accepted(await bob.request('GET', roomPath(roomId, 'state'))))
    assertAllNotes(accepted(await alice.request('GET', `${roomPath(roomId, 'context', last)}?limit=0`)).state)
    const { state, timeline } = joined(await sync(carol), roomId)
    assertAllNotes(latest([...state.events, ...timeline.events]), later)
    const changed = joined(await sync(alice, { since }), roomId)
    assertAllNotes(latest([...changed.state.events, ...changed.timeline.events]), later)

    await server.context.rooms.drop(roomId)
    assertAllNotes(accepted(await alice.request('GET', roomPath(roomId, 'state'))), later)
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })

  it('is taken in by a join, and read whole', async () => {
    const remote = openedRoom('11', { creator: '@alice:s0.test', notes })
    const { roomId } = remote
    const us: UserId = '@us:test'
    const answer = sendJoinAnswer(remote, remote.add(member(us, us, 'join')))
    await using server = await startTestServer()
    const user = await server.register('us')
    const ctx = { ...server.context, findKey: findTestKey, missingEvents: silent }
    assert.equal((await importSendJoin(ctx, answer)).outcome, 'accepted')

    assertAllNotes(accepted(await user.request('GET', roomPath(roomId, 'state'))))
    for (let n = 0; n < 30; n++) await sendText(user, roomId, `${n}`)
    assertAllNotes(joined(await sync(user), roomId).state.events)
    await server.context.rooms.drop(roomId)
    assertAllNotes(accepted(await user.request('GET', roomPath(roomId, 'state'))))
    assert.deepEqual(await checkRoom(server.context, roomId), [])
  })
})

/** Of each state key the event that comes last. */
const latest = (events: readonly StateEvent[]): StateEvent[] => [
  ...new Map(events.map((event) => [`${event.type} ${event.state_key}`, event])).values(),
]
