import assert from 'node:assert/strict'
import type { EventId } from '#protocol/ids.ts'
import { until } from '../../support/federation/held-state.ts'
import { ReticentServer } from '../../support/federation/reticent-server.ts'
import { startFederation, type Federation } from '../../support/federation/network.ts'
import { member, message, state, type Act } from '../../support/generators/acts.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { roomPath, sendText } from '../../support/rooms/rooms.ts'
import { accepted, type TestUser } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'

const client = '/_matrix/client/v3'
const settings = { federation: { key_servers: [], partial_joins: true } }
const lazy = JSON.stringify({ room: { state: { lazy_load_members: true } } })
const [alice, mallory, erin] = ['@alice:s0.test', '@mallory:s1.test', '@erin:s2.test'] as const
const note = 'org.example.note'

type SyncedRoom = { timeline: { events: { event_id: EventId }[] }; state: { events: { type: string }[] } }

describe('events that come before the members of their room', () => {
  let federation: Federation
  let b: TestServer
  let bob: TestUser
  let far: ReticentServer
  let count = 0
  before(async () => {
    federation = await startFederation(['b.test'], { settings })
    b = federation.servers[0]!
  })
  after(() => federation[Symbol.asyncDispose]())
  beforeEach(async () => {
    bob = await b.register(`bob${count++}`)
    far = new ReticentServer(federation.network, federation.clock, { name: `room${count}` })
    far.room.add(member(mallory, mallory, 'join'))
    far.room.add(member(erin, erin, 'join'))
    far.room.add(state(alice, 'm.room.power_levels', far.room.levels({ users: { [mallory]: 60, [erin]: 50 } })))
  })

  const join = async () => {
    const path = `${client}/join/${encodeURIComponent(far.roomId)}?via=s0.test`
    accepted(await bob.request('POST', path, {}))
    assert.equal((await b.context.rooms.find(far.roomId))?.isPartial, true)
  }
  const complete = async () => {
    far.isHeld = false
    await until(async () => {
      await federation.clock.advance(60_000)
      return (await b.context.rooms.find(far.roomId))?.isPartial === false
    })
    await federation.settle()
    assert.deepEqual(await checkRoom(b.context, far.roomId), [])
  }
  const stateAt = (...order: EventId[]) => far.room.replay.stateBefore(order)
  const isShown = async (eventId: EventId) =>
    (await bob.request('GET', roomPath(far.roomId, 'event', eventId))).status === 200
  /** Makes an event, gives it to the server, and waits until it was looked at. */
  const tell = async (act: Act, place: Parameters<ReticentServer['room']['make']>[1] = {}): Promise<EventId> => {
    const pdu = far.room.make(act, place)
    const eventId = far.room.take(pdu)
    await far.tell(b, pdu)
    await until(async () => ((await b.context.store.rooms.events.find(eventId))?.position ?? 0) > 0)
    return eventId
  }
  const statusOf = async (eventId: EventId) => (await b.context.store.rooms.events.find(eventId))?.status
  const noteSeen = () => bob.request('GET', roomPath(far.roomId, 'state', note))
  const syncOf = async (since?: string): Promise<{ since: string; room: SyncedRoom | undefined }> => {
    const query = new URLSearchParams({ filter: lazy, ...(since && { since }) })
    const { next_batch, rooms } = accepted(await bob.request('GET', `${client}/sync?${query}`))
    return { since: next_batch as string, room: rooms.join?.[far.roomId] as SyncedRoom | undefined }
  }

  it('are shown at once, with those who sent them, and stay where they are', async () => {
    await join()
    const { since } = await syncOf()
    const said = await tell(message(erin))
    const { since: later, room } = await syncOf(since)
    assert.deepEqual(
      room?.timeline.events.map(({ event_id: id }) => id),
      [said],
    )
    assert.ok(JSON.stringify(room.state.events).includes(erin))
    const noted = await tell(state(mallory, note, { text: 'right' }))
    const { since: end } = await syncOf(later)
    await complete()
    const { room: after } = await syncOf(end)
    assert.deepEqual(after?.timeline.events, [])
    assert.deepEqual([await statusOf(said), await statusOf(noted)], ['accepted', 'accepted'])
    assert.equal(accepted(await noteSeen()).text, 'right')
  })

  it('are rejected then where their sender had left before', async () => {
    const before = far.room.order.slice(-1)
    far.room.add(member(mallory, mallory, 'leave'))
    await join()
    const kept = await tell(message(erin, 'kept'))
    const wrong = await tell(state(mallory, note, { text: 'wrong' }), { authState: stateAt(...before) })
    assert.equal(accepted(await noteSeen()).text, 'wrong')
    await complete()
    assert.equal(await statusOf(wrong), 'rejected')
    assert.equal(await isShown(wrong), false)
    assert.equal(await isShown(kept), true)
    assert.equal((await noteSeen()).status, 404)
    const { forwardExtremities } = await b.context.rooms.get(far.roomId)
    assert.deepEqual(forwardExtremities, [kept])
    await sendText(bob, far.roomId, 'after')
    assert.deepEqual(await checkRoom(b.context, far.roomId), [])
  })

  it('leave the state that others set in the place of what is rejected', async () => {
    const before = far.room.order.slice(-1)
    far.room.add(member(mallory, mallory, 'leave'))
    await join()
    const right = await tell(state(alice, note, { text: 'right' }))
    const wrong = await tell(state(mallory, note, { text: 'wrong' }), { authState: stateAt(...before) })
    const said = await tell(message(alice, 'on top of it'), { authState: stateAt(...before) })
    const { since } = await syncOf()
    await complete()
    assert.deepEqual([await statusOf(right), await statusOf(said)], ['accepted', 'accepted'])
    assert.equal(await statusOf(wrong), 'rejected')
    assert.equal(accepted(await noteSeen()).text, 'right')
    const { room } = await syncOf(since)
    assert.deepEqual(room?.state.events.filter(({ type }) => type === note).length, 1)
    await sendText(bob, far.roomId, 'after')
    assert.deepEqual(await checkRoom(b.context, far.roomId), [])
  })

  it('are received again where they were rejected by what was wrong', async () => {
    const before = far.room.order.slice(-1)
    far.room.add(member(mallory, mallory, 'leave'))
    await join()
    const joined = far.room.order.slice(-1)
    const kick = await tell(member(mallory, erin, 'leave'), { authState: stateAt(...before) })
    const noted = await tell(state(erin, note, { text: 'hers' }), { authState: stateAt(...joined) })
    const said = await tell(message(alice, 'goes on'), { authState: stateAt(...joined) })
    assert.deepEqual([await statusOf(kick), await statusOf(noted), await statusOf(said)], ['accepted', 'rejected', 'accepted']) // prettier-ignore
    const { since } = await syncOf()
    await complete()
    assert.deepEqual([await statusOf(kick), await statusOf(noted), await statusOf(said)], ['rejected', 'accepted', 'accepted']) // prettier-ignore
    assert.equal(accepted(await noteSeen()).text, 'hers')
    assert.equal((await b.context.rooms.get(far.roomId)).members.get(erin), 'join')
    const { room } = await syncOf(since)
    assert.deepEqual(
      room?.timeline.events.map(({ event_id: id }) => id),
      [noted],
    )
    await sendText(bob, far.roomId, 'after')
    assert.deepEqual(await checkRoom(b.context, far.roomId), [])
  })

  it('put out whom they rightly put out, once they are received again', async () => {
    const before = far.room.order.slice(-1)
    far.room.add(member(mallory, mallory, 'leave'))
    await join()
    const joined = far.room.order.slice(-1)
    const dave = '@dave:s1.test'
    await tell(member(dave, dave, 'join'))
    const known = far.room.order.slice(-1)
    await tell(member(mallory, erin, 'ban'), { authState: stateAt(...before) })
    const kick = await tell(member(erin, dave, 'leave'), { authState: stateAt(...known) })
    await tell(message(alice, 'goes on'), { authState: stateAt(...joined) })
    assert.equal(await statusOf(kick), 'rejected')
    await complete()
    assert.equal(await statusOf(kick), 'accepted')
    const { members } = await b.context.rooms.get(far.roomId)
    assert.deepEqual([members.get(dave), members.get(erin)], ['leave', 'join'])
  })

  it('change memberships that come afterwards', async () => {
    await join()
    await tell(member(erin, erin, 'leave'))
    await complete()
    const { members } = await b.context.rooms.get(far.roomId)
    assert.deepEqual([members.get(erin), members.get(mallory), members.get(alice)], ['leave', 'join', 'join'])
  })
})
