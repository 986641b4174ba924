import { prevEventIds } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { SendJoinAnswer } from '#services/federation/receive/import-send-join.ts'
import type { TestRoom } from '../generators/test-room.ts'

/** What a server of the room answers to `send_join`: the state before the join, and its auth chain. */
export function sendJoinAnswer(room: TestRoom, join: EventId): SendJoinAnswer {
  const { roomId, version, replay } = room
  const before = replay.stateBefore(prevEventIds(room.pdu(join), version))
  const state = [...before.values()].map((id) => room.json(id))
  return { roomId, version, event: room.json(join), state, authChain: state.slice(0, 4) }
}
