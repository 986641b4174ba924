import assert from 'node:assert/strict'
import { prevEventIds, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { SendJoinAnswer } from '#services/federation/receive/import-send-join.ts'
import type { ReceivingServer } from './receiving.ts'
import { newRooms } from '../server/earlier-history.ts'
import { checkRoom } from '../rooms/room-check.ts'
import { alice } from '../generators/scene.ts'
import { openingActs, state } from '../generators/acts.ts'
import { TestRoom } from '../generators/test-room.ts'

/** A public room of Alice on another server, and what that server tells whom it lets in. */
export class RemoteRoom {
  readonly room: TestRoom

  /** With so many notes its state fills more than one batch. */
  constructor(versionId: string, { notes = 0, joinRule = 'public', name = 'room' } = {}) {
    const version = roomVersion(versionId)!
    this.room = new TestRoom(version, { signed: true, roomId: `!${name}:s0.test` })
    // From version 12 the room's id follows from its create event.
    const create = name === 'room' ? {} : { 'org.example.name': name }
    for (const act of openingActs(version, alice, { joinRule, create })) this.room.add(act)
    for (let note = 0; note < notes; note++) this.send(alice, ['org.example.note', `${note}`], { note })
  }

  /** Sets state after what was sent last, or after the events given. */
  send(
    sender: UserId,
    [type, key]: readonly [string, string],
    content: JsonObject,
    prevs: readonly EventId[] = this.room.order.slice(-1),
  ): EventId {
    return this.room.add(state(sender, type, content, key), { prevs })
  }

  /** Lets a user of ours in. */
  letIn(user: UserId, prevs?: readonly EventId[]): EventId {
    return this.send(user, ['m.room.member', user], { membership: 'join' }, prevs)
  }

  pdu(id: EventId): JsonValue {
    return this.room.replay.events.get(id) as unknown as JsonValue
  }

  /** The response to `send_join`: the state before the join, and its auth chain. */
  answerTo(join: EventId): SendJoinAnswer {
    const { roomId, version, replay } = this.room
    const before = replay.stateBefore(prevEventIds(replay.events.get(join)!, version))
    const told = [...before.values()].map((id) => this.pdu(id))
    return { roomId, version, event: this.pdu(join), state: told, authChain: told.slice(0, 4) }
  }
}

/**
 * Fails unless the room is the only one that the test made, in the state after these events, and nothing is wrong with
 * it.
 */
export async function assertRoomIs(
  server: ReceivingServer,
  { room }: RemoteRoom,
  forwardExtremities: Iterable<EventId>,
) {
  const { state } = await server.lineFromDisk(room.roomId)
  const entries = new Map([...state].map(([key, { eventId }]) => [key, eventId]))
  assert.deepEqual(entries, new Map(room.replay.stateBefore([...forwardExtremities])))
  assert.equal((await newRooms(server.ctx.store)).length, 1)
  assert.deepEqual(await checkRoom(server.ctx, room.roomId), [])
}
