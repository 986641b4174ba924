import type { Context } from '#context.ts'
import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { contentOf } from '#services/rooms/events/stored-pdu.ts'

type Servers = ReadonlySet<ServerName>

/** So often the members of a busy room are read again, in order to see them as of one moment. */
const maxAttempts = 5

/**
 * The servers with joined users in the room just after each of these positions, this one included. Mostly nobody has come
 * or gone since, and what the room holds in memory is the answer.
 */
export async function serversAfter(
  { store }: Pick<Context, 'store'>,
  room: LiveRoom,
  positions: readonly number[],
): Promise<Servers[]> {
  const [first] = positions
  const last = positions.at(-1)
  if (first === undefined || last === undefined || room.nid === undefined) return []
  // The store shows a commit a moment before memory has it.
  if (room.lastPosition < last) await room.lastWrite
  for (let attempt = 1; ; attempt++) {
    const upTo = room.lastPosition
    const moved =
      movedInMemory(room, first) ?? (await store.rooms.members.changedIn([room.nid], { after: first, upTo }))
    if (room.lastPosition !== upTo && attempt < maxAttempts) continue
    const present = presentOf(room, moved)
    if (moved.length === 0) return positions.map(() => present.servers)
    const answers: Servers[] = []
    for (const position of positions) answers.push(await serversThen(store, present, { roomNid: room.nid, position }))
    return answers
  }
}

/** Whose membership changed after a position, where the room holds all events since; undefined where the store knows. */
function movedInMemory(room: LiveRoom, after: number): UserId[] | undefined {
  if (room.lastPosition <= after) return []
  if (room.recentFrom > after || room.plainSince > after) return undefined
  const moved = room.recent.filter(({ position, type }) => position > after && type === 'm.room.member')
  return [...new Set(moved.flatMap(({ stateKey }) => (stateKey === null ? [] : [stateKey as UserId])))]
}

type Present = {
  servers: Servers
  joined: ReadonlyMap<ServerName, number>
  /** Whose membership changed of late, and whether they are joined. */
  moved: ReadonlyMap<UserId, boolean>
}

const presentOf = (room: LiveRoom, moved: readonly UserId[]): Present => ({
  servers: new Set(room.joinedByServer.keys()),
  joined: new Map(room.joinedByServer),
  moved: new Map(moved.map((userId) => [userId, room.members.get(userId) === 'join'])),
})

async function serversThen(
  store: Context['store'],
  { joined, moved }: Present,
  at: { roomNid: number; position: number },
): Promise<Servers> {
  const asks = [...moved.keys()].map((userId) => ({ ...at, type: 'm.room.member', stateKey: userId }))
  const events = await store.rooms.stateReads.eventsAt(asks)
  const counts = new Map(joined)
  let index = 0
  for (const [userId, isJoined] of moved) {
    const event = events[index++]
    const wasJoined = event !== undefined && contentOf(event).membership === 'join'
    if (wasJoined === isJoined) continue
    const server = serverOf(userId)
    counts.set(server, (counts.get(server) ?? 0) + (wasJoined ? 1 : -1))
  }
  return new Set([...counts].flatMap(([server, count]) => (count > 0 ? [server] : [])))
}
