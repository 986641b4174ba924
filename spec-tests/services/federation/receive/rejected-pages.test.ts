import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { openRemoteRoom } from '#services/federation/receive/open-remote-room.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import type { TestUser } from '../../../support/server/client.ts'
import { findTestKey, silent } from '../../../support/federation/receive-needs.ts'
import { roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { type Act, member, message, openingActs, state } from '../../../support/generators/acts.ts'
import { TestRoom } from '../../../support/generators/test-room.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'

const owner: UserId = '@owner:s0.test'
const alice: UserId = '@alice:test'
const mallory: UserId = '@mallory:s1.test'

/** A room of another server whose events come in one after the other. */
async function openRoom(server: TestServer) {
  const version = roomVersion('12')!
  const room = new TestRoom(version, { signed: true })
  const ctx = { ...server.context, findKey: findTestKey, missingEvents: silent }
  const receive = async (act: Act, prevs = room.order.slice(-1)): Promise<{ id: EventId; outcome: string }> => {
    const id = room.add(act, { prevs })
    const pdu = room.replay.events.get(id) as unknown as JsonValue
    if (prevs.length === 0) return { id, ...(await openRemoteRoom(ctx, { roomId: room.roomId, version, create: pdu })) }
    return { id, ...(await receiveEvent(ctx, { origin: 's0.test', roomId: room.roomId, pdu })) }
  }
  const opening = [
    ...openingActs(version, owner, { levels: { events: { 'org.example': 50 } } }),
    member(alice, alice, 'join'),
    member(mallory, mallory, 'join'),
  ]
  for (const act of opening) assert.equal((await receive(act)).outcome, 'accepted')
  return { roomId: room.roomId, receive }
}

/** All that a client sees when it follows the pages to their end. */
async function pageThrough(user: TestUser, roomId: string, { dir, limit }: { dir: 'b' | 'f'; limit: number }) {
  const seen: { type: string; sender: string; event_id: EventId }[] = []
  let from: string | undefined
  for (let pages = 0; pages < 50; pages++) {
    const query = `?dir=${dir}&limit=${limit}${from === undefined ? '' : `&from=${encodeURIComponent(from)}`}`
    const { status, body } = await user.request('GET', `${roomPath(roomId, 'messages')}${query}`)
    assert.equal(status, 200)
    seen.push(...body.chunk)
    from = body.end as string | undefined
    if (from === undefined) return seen
  }
  throw new Error('The pages have no end')
}

describe('paging past rejected events', () => {
  it('T22 reaches the other end behind 500 of them, and shows none', async () => {
    await using server = await startTestServer()
    const user = await server.register('alice')
    const { roomId, receive } = await openRoom(server)
    for (let index = 0; index < 500; index++) {
      // Each follows the one before: messages above the sender's level, and state.
      const refused = index % 2 ? state(mallory, 'm.room.name', { name: `${index}` }) : message(mallory, `${index}`)
      const { outcome } = await receive(index % 2 ? refused : { ...refused, type: 'org.example' })
      assert.equal(outcome, 'rejected')
    }
    assert.equal((await receive(message(owner, 'behind them'))).outcome, 'accepted')
    await sendText(user, roomId, 'after')

    const expected = ['create', 'member', 'power_levels', 'join_rules', 'member', 'member', 'message', 'message']
    for (const limit of [1, 5, 100])
      for (const dir of ['b', 'f'] as const) {
        const seen = await pageThrough(user, roomId, { dir, limit })
        const types = seen.map(({ type }) => type.replace('m.room.', ''))
        assert.deepEqual(dir === 'b' ? types.reverse() : types, expected, `${dir} by ${limit}`)
      }
  })
})
