import assert from 'node:assert/strict'
import type { EventId } from '#protocol/ids.ts'
import type { ReceivingServer } from './receiving.ts'
import { newRooms } from '../server/earlier-history.ts'
import { checkRoom } from '../rooms/room-check.ts'
import type { TestRoom } from '../generators/test-room.ts'

/**
 * Fails unless the room is the only one that the test made, in the state after these events, and nothing is wrong with
 * it.
 */
export async function assertRoomIs(server: ReceivingServer, room: TestRoom, forwardExtremities: Iterable<EventId>) {
  const { state } = await server.lineFromDisk(room.roomId)
  const entries = new Map([...state].map(([key, { eventId }]) => [key, eventId]))
  assert.deepEqual(entries, new Map(room.replay.stateBefore([...forwardExtremities])))
  assert.equal((await newRooms(server.ctx.store)).length, 1)
  assert.deepEqual(await checkRoom(server.ctx, room.roomId), [])
}
