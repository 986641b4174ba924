import { roomVersion } from '#protocol/room-version.ts'
import type { Store } from '#store/open.ts'
import type { StateHolder } from '#store/room-state.ts'
import type { StoredRoom } from '#store/rooms.ts'
import { RoomLine, type LineStart } from './room-line.ts'

type Source = { store: Pick<Store, 'rooms' | 'roomState' | 'members'>; serverName: string }
type Parts = { holders: readonly StateHolder[] | undefined; members: LineStart['members'] | undefined }

/** Reads the lines of some rooms, by room id, in a few queries for all of them; unknown rooms are left out. */
export async function readLines(source: Source, roomIds: readonly string[]): Promise<Map<string, RoomLine>> {
  const { store, serverName } = source
  const rooms = await store.rooms.findMany(roomIds)
  const nids = rooms.map(({ nid }) => nid)
  const [holders, members] = await Promise.all([
    store.roomState.currentHolders(nids),
    store.members.listMemberships(nids),
  ])
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
  if (moved.length > 0) for (const [roomId, line] of await readLines(source, moved)) lines.set(roomId, line)
  return lines
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
