import { setImmediate as nextTurn } from 'node:timers/promises'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import type { Store } from '#store/open.ts'
import type { StateHolder } from '#store/rooms/room-state.ts'
import type { StoredRoom } from '#store/rooms/rooms.ts'
import { RoomLine, type LineStart } from './room-line.ts'

type Source = { store: Pick<Store, 'rooms' | 'roomState' | 'members' | 'transaction'>; serverName: string }
type Parts = { holders: readonly StateHolder[] | undefined; members: LineStart['members'] | undefined }

/** So often we try to read a room that other processes write to before we make them wait. */
const maxAttempts = 3

/** Reads the lines of some rooms, by room id, in a few queries for all of them; unknown rooms are left out. */
export async function readLines(
  source: Source,
  roomIds: readonly string[],
  attempt = 1,
): Promise<Map<string, RoomLine>> {
  const { store, serverName } = source
  const rooms = await store.rooms.findMany(roomIds)
  const nids = rooms.map(({ nid }) => nid)
  const holders = await store.roomState.currentHolders(nids)
  await nextTurn()
  const members = await store.members.listMemberships(nids)
  const now = new Map((await store.rooms.findMany(roomIds)).map(({ nid, lineVersion }) => [nid, lineVersion]))
  const lines = new Map<string, RoomLine>()
  const moved: string[] = []
  for (const room of rooms) {
    const { nid, roomId, lineVersion } = room
    if (now.get(nid) === lineVersion)
      lines.set(roomId, lineOf(room, { holders: holders.get(nid), members: members.get(nid) }, serverName))
    else moved.push(roomId)
  }
  // Read again when an event came between: the parts must be of one moment.
  if (moved.length === 0) return lines
  const again = attempt < maxAttempts ? readLines(source, moved, attempt + 1) : readStillLines(source, moved)
  for (const [roomId, line] of await again) lines.set(roomId, line)
  return lines
}

/** The same while nobody can write to these rooms. */
function readStillLines({ store, serverName }: Source, roomIds: readonly string[]): Promise<Map<string, RoomLine>> {
  return store.transaction(async (tx) => {
    await tx.rooms.lock(roomIds)
    return readLines({ store: tx, serverName }, roomIds)
  })
}

function lineOf(room: StoredRoom, { holders = [], members = [] }: Parts, serverName: string): RoomLine {
  const version = roomVersion(room.version)
  if (!version) throw new Error(`The store holds a room of the unknown version ${room.version}`)
  const line = new RoomLine({
    nid: room.nid,
    roomId: room.roomId,
    version,
    lineVersion: room.lineVersion,
    heads: room.heads,
    depth: room.depth,
    lastPosition: room.lastPosition,
    holders: holders.map((holder) => ({ ...holder, pdu: undefined })),
    members,
    serverName,
  })
  line.purgedUpTo = room.purgedUpTo
  return line
}
