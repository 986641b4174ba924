import { stateKey } from '#protocol/state-resolution/state-map.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import type { Replay } from './replay.ts'
import { noEvent } from './state-journal.ts'
import { difference, type Subject } from './subject.ts'

/** Compares the room's row with where its events lead. */
export async function checkRoomRow({ store, room, events, partial }: Subject, replay: Replay): Promise<RowChange[]> {
  const stored = await store.rooms.check.room(room.nid)
  if (!stored || replay.lastPosition === 0) return []
  const entry = replay.journal.current(stateKey('m.room.create', ''))?.entry ?? noEvent
  const create = entry === noEvent ? undefined : await events.at(entry)
  // Before room version 11 a redacted create event does not name it any more.
  const isWhole = create?.event.redactedBy === null
  const version = isWhole && (create.pdu.content['room_version'] ?? '1')
  const expected = {
    ...(version !== false && { version }),
    heads: JSON.stringify(extremitiesInOrder(room.forwardExtremities, [...replay.forwardExtremities])),
    // Of purged history only what it came to is known; and what was rejected afterwards counted until then.
    depth: room.purgedUpTo === 0 && partial.lastEnd === 0 ? replay.depth : Math.max(replay.depth, room.depth),
    // A room moves on as well when all its members are here.
    last_position: Math.max(replay.lastPosition, partial.lastEnd),
  }
  return difference('rooms', { nid: room.nid }, { stored, expected })
}

/** Their order has no meaning: where they are the same events, the stored one counts. */
const extremitiesInOrder = (stored: readonly EventId[], found: readonly EventId[]): readonly EventId[] =>
  stored.length === found.length && found.every((id) => stored.includes(id)) ? stored : found
