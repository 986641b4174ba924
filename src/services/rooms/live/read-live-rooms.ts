import { setImmediate as nextTurn } from 'node:timers/promises'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { Store } from '#store/open.ts'
import type { StoredStateEntry } from '#store/rooms/room-state.ts'
import type { StoredRoom } from '#store/rooms/rooms.ts'
import { LiveRoom } from './live-room.ts'
import type { LiveRoomStart } from './live-room-start.ts'
import type { RoomId } from '#protocol/ids.ts'

type Source = { store: Pick<Store, 'rooms' | 'transaction'>; serverName: string }
type Parts = { entries: readonly StoredStateEntry[] | undefined; members: LiveRoomStart['members'] | undefined }

/** So often we try to read a room that other processes write to before we make them wait. */
const maxAttempts = 3

/** Reads some rooms, by room id, in a few queries for all of them; unknown rooms are left out. */
export async function readLiveRooms(
  source: Source,
  roomIds: readonly RoomId[],
  attempt = 1,
): Promise<Map<RoomId, LiveRoom>> {
  const { store, serverName } = source
  const rooms = await store.rooms.rooms.findMany(roomIds)
  const nids = rooms.map(({ nid }) => nid)
  const entries = await store.rooms.state.currentEntries(nids)
  await nextTurn()
  const members = await store.rooms.members.listMemberships(nids)
  const now = await store.rooms.rooms.revisions(nids)
  const liveRooms = new Map<RoomId, LiveRoom>()
  const moved: RoomId[] = []
  for (const room of rooms) {
    const { nid, roomId, revision } = room
    if (now.get(nid) === revision)
      liveRooms.set(roomId, liveRoomOf(room, { entries: entries.get(nid), members: members.get(nid) }, serverName))
    else moved.push(roomId)
  }
  // Read again when an event came between: the parts must be of one moment.
  if (moved.length === 0) return liveRooms
  const again = attempt < maxAttempts ? readLiveRooms(source, moved, attempt + 1) : readLockedRooms(source, moved)
  for (const [roomId, line] of await again) liveRooms.set(roomId, line)
  return liveRooms
}

/** The same while no other process can write to these rooms. */
function readLockedRooms({ store, serverName }: Source, roomIds: readonly RoomId[]): Promise<Map<RoomId, LiveRoom>> {
  return store.transaction(async (tx) => {
    await tx.rooms.rooms.lock(roomIds)
    return readLiveRooms({ store: tx, serverName }, roomIds)
  })
}

function liveRoomOf(room: StoredRoom, { entries = [], members = [] }: Parts, serverName: string): LiveRoom {
  const version = roomVersion(room.version)
  if (!version) throw new Error(`The store holds a room of the unknown version ${room.version}`)
  return new LiveRoom({
    nid: room.nid,
    roomId: room.roomId,
    version,
    revision: room.revision,
    forwardExtremities: room.forwardExtremities,
    depth: room.depth,
    lastPosition: room.lastPosition,
    purgedUpTo: room.purgedUpTo,
    entries: entries.map((entry) => ({ ...entry, pdu: undefined })),
    members,
    serverName,
    isPlaceholder: room.isPlaceholder,
  })
}
