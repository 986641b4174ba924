import assert from 'node:assert/strict'
import { checkRoom } from '#services/rooms/verify/check-room.ts'
import { checkLostTransactions } from '#services/rooms/verify/transactions.ts'
import { repairRoom } from '#services/rooms/verify/repair-room.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import { act, createRoom, join, leave, putState, roomPath, sendText } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'
import { assertRoomsAreRight } from '../../../support/rooms/room-check.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'
import type { EventId } from '#protocol/ids.ts'

type Row = Record<string, unknown>

/** A room with something in every derived table. */
async function busyRoom(server: TestServer) {
  const alice = await server.register('alice')
  const bob = await server.register('bob')
  const roomId = await createRoom(alice, { preset: 'public_chat' })
  accepted(await join(bob, roomId))
  const said = await sendText(alice, roomId, 'said')
  const content = { 'm.relates_to': { rel_type: 'm.annotation', event_id: said, key: '+' } }
  const reaction = accepted(await bob.request('PUT', roomPath(roomId, 'send', 'm.reaction', 'r'), content)).event_id
  const unsaid = await sendText(bob, roomId, 'unsaid')
  accepted(await bob.request('PUT', roomPath(roomId, 'redact', unsaid, 'x'), {}))
  accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'one' }))
  accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'two' }))
  accepted(await bob.request('POST', roomPath(roomId, 'receipt', 'm.read', said), {}))
  accepted(await leave(bob, roomId))
  const room = (await server.context.store.rooms.rooms.find(roomId))!
  const at = async (eventId: EventId) => (await server.context.store.rooms.events.find(eventId))!.position
  const topic = (await server.context.store.rooms.state.current([room.nid], ['m.room.topic']))[0]!
  const keyNid = (await server.context.store.rooms.check.keyNid('m.room.topic', ''))!
  const positions = {
    said: await at(said),
    reaction: await at(reaction),
    unsaid: await at(unsaid),
    topic: topic.position,
  }
  return { roomId, room, bob, said, reaction, unsaid, positions, keyNid }
}

type Busy = Awaited<ReturnType<typeof busyRoom>>

/** Rows spoiled by hand; those in the list must be named, and repaired. */
const corruptions: readonly [what: string, table: RowChange["table"], spoil: (busy: Busy) => { key: Row; to: Row | undefined }][] = [
  ['a span that ends too early', 'room_state', ({ room, keyNid, positions }) => ({
    key: { room_nid: room.nid, key_nid: keyNid, from_position: positions.topic }, to: { to_position: positions.topic + 1 } })],
  ['a span of another event', 'room_state', ({ room, keyNid, positions }) => ({
    key: { room_nid: room.nid, key_nid: keyNid, from_position: positions.topic }, to: { event_position: positions.said } })],
  ['a lost span', 'room_state', ({ room, keyNid, positions }) => ({
    key: { room_nid: room.nid, key_nid: keyNid, from_position: positions.topic }, to: undefined })],
  ['a wrong membership', 'memberships', ({ room, bob }) => ({
    key: { user_id: bob.userId, room_nid: room.nid }, to: { membership: 'join' } })],
  ['a lost membership', 'memberships', ({ room, bob }) => ({
    key: { user_id: bob.userId, room_nid: room.nid }, to: undefined })],
  ['a lost relation', 'relations', ({ said, positions }) => ({
    key: { parent_id: said, position: positions.reaction }, to: undefined })],
  ['a relation of another type', 'relations', ({ said, positions }) => ({
    key: { parent_id: said, position: positions.reaction }, to: { rel_type: 'm.thread' } })],
  ['heads that have been followed', 'rooms', ({ room, said }) => ({
    key: { nid: room.nid }, to: { heads: JSON.stringify([said]) } })],
  ['a wrong depth', 'rooms', ({ room }) => ({ key: { nid: room.nid }, to: { depth: 1 } })],
  ['a last position that is not', 'rooms', ({ room, positions }) => ({
    key: { nid: room.nid }, to: { last_position: positions.said } })],
  ['a transaction of another event', 'event_transactions', ({ bob, positions }) => ({
    key: { user_id: bob.userId, position: positions.reaction }, to: { position: positions.topic } })],
  ['a redaction that left no trace', 'events', ({ unsaid }) => ({
    key: { event_id: unsaid }, to: { redacted_by: null } })],
  ['a redacted event that still says it', 'events', ({ unsaid, bob }) => ({
    key: { event_id: unsaid },
    to: { client_json: JSON.stringify({ content: { body: 'unsaid' }, origin_server_ts: 1, sender: bob.userId, type: 'm.room.message' }) } })],
  ['a receipt for another place', 'receipts', ({ roomId, positions }) => ({
    key: { room_id: roomId }, to: { event_position: positions.reaction } })],
  ['a receipt for no event', 'receipts', ({ roomId }) => ({ key: { room_id: roomId }, to: { event_id: '$none' } })],
  ['a lost line of the auth index', 'events', ({ positions }) => ({
    key: { position: positions.topic }, to: { auth: null } })],
  ['a wrong line of the auth index', 'events', ({ positions }) => ({
    key: { position: positions.topic }, to: { auth: '' } })],
] // prettier-ignore

describe('check of a room', () => {
  it('finds nothing in what the server wrote', async () => {
    await using server = await startTestServer()
    const { roomId } = await busyRoom(server)
    assert.deepEqual(await checkRoom(server.context, roomId), [])
    await assertRoomsAreRight(server.context)
  })

  for (const version of ['1', '3', '6', '10', '11', '12'])
    it(`finds nothing in a room of version ${version}`, async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const bob = await server.register('bob')
      const roomId = await createRoom(alice, { room_version: version, invite: [bob.userId] })
      accepted(await join(bob, roomId))
      const said = await sendText(bob, roomId, 'x')
      accepted(await alice.request('PUT', roomPath(roomId, 'redact', said, 'x'), {}))
      accepted(await act(alice, 'ban', roomId, bob.userId))
      assert.deepEqual(await checkRoom(server.context, roomId), [])
    })

  for (const version of ['1', '2', '10'])
    it(`finds nothing where a redaction was redacted itself, in a room of version ${version}`, async () => {
      await using server = await startTestServer()
      const alice = await server.register('alice')
      const bob = await server.register('bob')
      const roomId = await createRoom(alice, { room_version: version, preset: 'public_chat' })
      accepted(await join(bob, roomId))
      const said = await sendText(bob, roomId, 'x')
      const { event_id: first } = accepted(await bob.request('PUT', roomPath(roomId, 'redact', said, 'x'), {}))
      accepted(await bob.request('PUT', roomPath(roomId, 'redact', String(first), 'y'), {}))
      assert.deepEqual(await checkRoom(server.context, roomId), [])
    })

  for (const [what, table, spoil] of corruptions)
    it(`reports and repairs ${what}`, async () => {
      await using server = await startTestServer()
      const { store } = server.context
      const busy = await busyRoom(server)
      const { key, to } = spoil(busy)
      await store.rooms.check.apply([{ table, key, stored: {}, expected: to }])

      const found = await checkRoom(server.context, busy.roomId)
      assert.ok(
        found.some((difference) => difference.table === table),
        JSON.stringify(found),
      )
      const room = (await store.rooms.rooms.find(busy.roomId))!
      await repairRoom(server.context, room, found)
      assert.deepEqual(await checkRoom(server.context, busy.roomId), [])
    })

  const orphans: readonly [table: RowChange["table"], row: (busy: Busy) => Omit<RowChange, 'table'>][] = [
    ['relations', ({ room, bob }) => added({ parent_id: '$x', position: 9999 }, { rel_type: 'x', room_nid: room.nid, sender: bob.userId })],
    ['event_branches', ({ room }) => added({ position: 9999 }, { room_nid: room.nid, base_position: 1, hops: 0, delta: '[]' })],
    ['event_branches', ({ room, positions }) => added({ position: positions.said }, { room_nid: room.nid, base_position: positions.said - 1, hops: 0, delta: '[["m.room.create","",null]]' })],
    ['early_redactions', ({ room, positions }) => added({ position: positions.said }, { room_nid: room.nid, target_id: '$x' })],
    ['room_state', ({ room, keyNid, positions }) => added({ room_nid: room.nid, key_nid: keyNid, from_position: 9999 }, { to_position: null, event_position: positions.said })],
    ['memberships', ({ room }) => added({ user_id: '@nobody:test', room_nid: room.nid }, { membership: 'join', sender: '@nobody:test', position: 1, is_forgotten: false })],
  ] // prettier-ignore
  for (const [table, row] of orphans)
    it(`reports and repairs rows of ${table} that nothing accounts for`, async () => {
      await using server = await startTestServer()
      const { store } = server.context
      const busy = await busyRoom(server)
      await store.rooms.check.apply([{ table, ...row(busy) }])

      const found = await checkRoom(server.context, busy.roomId)
      assert.deepEqual([...new Set(found.map((difference) => difference.table))], [table])
      await repairRoom(server.context, (await store.rooms.rooms.find(busy.roomId))!, found)
      assert.deepEqual(await checkRoom(server.context, busy.roomId), [])
    })

  it('reports transactions without event', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    const { bob, positions } = await busyRoom(server)
    const key = { user_id: bob.userId, position: positions.reaction }
    await store.rooms.check.apply([{ table: 'event_transactions', key, stored: {}, expected: { position: 99999 } }])

    const [found, ...others] = await checkLostTransactions(store)
    assert.deepEqual(others, [])
    assert.deepEqual(found?.expected, { position: positions.reaction })
  })

  it('reports an event that the rules do not allow', async () => {
    await using server = await startTestServer()
    const { store } = server.context
    const { roomId, bob, positions } = await busyRoom(server)
    const carol = '@carol:test'
    const [reaction] = await store.rooms.events.atPositions([positions.reaction])
    const forged = reaction!.clientJson.replaceAll(bob.userId, carol)
    const key = { event_id: reaction!.eventId }
    await store.rooms.check.apply([
      { table: 'events', key, stored: {}, expected: { client_json: forged, sender: carol } },
    ])

    const found = await checkRoom(server.context, roomId)
    assert.ok(found.some(({ table, expected }) => table === 'events' && expected?.['status'] === 2))
  })

  it('does not repair a room that moved on since', async () => {
    await using server = await startTestServer()
    const { roomId, room } = await busyRoom(server)
    const stale = { roomId, revision: room.revision - 1 }
    await assert.rejects(repairRoom(server.context, stale, []), /changed while/)
  })
})

const added = (key: Row, expected: Row): Omit<RowChange, 'table'> => ({ key, stored: undefined, expected })
