import assert from 'node:assert/strict'
import { systemTokens } from '#base/tokens.ts'
import { prevEventIds } from '#protocol/events/event.ts'
import { collectPurges } from '#services/rooms/purge/purge-worker.ts'
import { requestHistoryPurge } from '#services/rooms/purge/purge-history.ts'
import { diffFromCurrent, stateBefore } from '#services/rooms/state/state-before.ts'
import { entriesOf } from '#services/rooms/state/state-diff.ts'
import { failuresOnly } from '../../../support/server/server.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { RoomId } from '#protocol/ids.ts'
import { repairRoom } from '#services/rooms/verify/repair-room.ts'
import { TypingRooms } from '#services/rooms/ephemeral/typing-rooms.ts'
import { generateHistory } from '../../../support/generators/history-generator.ts'
import { answeringFrom, startReceiving } from '../../../support/federation/receiving.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import { SeededRandom } from '../../../support/generators/seeded-random.ts'
import { alone } from '../../../support/federation/alone.ts'

describe('check of a room that forks', function () {
  this.timeout(60_000)
  for (const id of ['2', '6', '10', '12'])
    it(`agrees with what the server made of a hostile history in room version ${id}`, async () => {
      const { room } = generateHistory({
        version: roomVersion(id)!,
        seed: Number(id),
        events: 50,
        servers: 3,
        usersPerServer: 3,
        hostility: 0.3,
        signed: true,
      })
      const { version, replay, order } = room
      const roomId = room.roomId as RoomId
      await using server = await startReceiving(answeringFrom(replay))
      await server.open({ roomId, version, create: replay.events.get(order[0]!)! })
      for (const eventId of new SeededRandom(7).shuffled(order))
        await server.receive(roomId, replay.events.get(eventId))

      assert.deepEqual(await checkRoom(server.ctx, roomId), [])

      const { store } = server.ctx
      const room_nid = (await store.rooms.rooms.find(roomId))!.nid
      const events = await store.rooms.check.events(room_nid, { after: 0, limit: 1000 })
      const [position] = [...(await store.rooms.branches.findMany(events.map((event) => event.position))).keys()]
      const delta = '[["m.room.create","",null]]'
      const spoiled = { base_position: position! - 1, hops: 0, delta }
      await store.rooms.check.apply([{ table: 'event_branches', key: { position }, stored: {}, expected: spoiled }])
      const found = await checkRoom(server.ctx, roomId)
      assert.ok(found.some(({ table, key }) => table === 'event_branches' && key['position'] === position))
      await repairRoom(server.ctx, (await store.rooms.rooms.find(roomId))!, found)
      assert.deepEqual(await checkRoom(server.ctx, roomId), [])
    })

  it('agrees too once half of its history is purged, and the state before what remains is as it was', async () => {
    const history = { seed: 3, events: 60, servers: 3, usersPerServer: 3, hostility: 0.3, signed: true }
    const { room } = generateHistory({ version: roomVersion('11')!, ...history })
    const { version, replay, order } = room
    const roomId = room.roomId as RoomId
    await using server = await startReceiving(answeringFrom(replay))
    await server.open({ roomId, version, create: replay.events.get(order[0]!)! })
    for (const eventId of order) await server.receive(roomId, replay.events.get(eventId))
    const { store } = server.ctx
    const log = failuresOnly
    const typing = new TypingRooms(server.ctx.clock)
    const ctx = { ...server.ctx, log, typing, tokens: systemTokens, processId: 'p', remoteMembership: alone }
    const line = await server.line(roomId)
    const middle = order[30]!

    await requestHistoryPurge(ctx, { roomId, before: { eventId: middle }, deleteLocal: true })
    await collectPurges(ctx)

    const { purgedUpTo, nid } = (await store.rooms.rooms.find(roomId))!
    assert.ok(purgedUpTo > 0)
    assert.deepEqual(await checkRoom(ctx, roomId), [])
    const now = await server.lineFromDisk(roomId)
    for (const event of await store.rooms.check.events(nid, { after: purgedUpTo, limit: 1000 })) {
      const before = await diffFromCurrent(ctx, now, await stateBefore(ctx, event))
      const expected = replay.stateBefore(prevEventIds(replay.events.get(event.eventId)!, version))
      assert.deepEqual(new Map(entriesOf(now, before)), new Map(expected))
    }
    assert.deepEqual(now.forwardExtremities, line.forwardExtremities)
  })
})
