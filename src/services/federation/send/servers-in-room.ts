import type { Context } from '#context.ts'
import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { contentOf } from '#services/rooms/events/stored-pdu.ts'

type Servers = ReadonlySet<ServerName>
type Needs = Pick<Context, 'store' | 'config'>

/** So often the members of a busy room are read again, in order to see them as of one moment. */
const maxAttempts = 5

/**
 * The other servers with joined users in the room just after each of these positions. What the room holds in memory is
 * the answer unless the last user of a server has come or gone since.
 */
export async function serversAfter(ctx: Needs, room: LiveRoom, positions: readonly number[]): Promise<Servers[]> {
  const [first] = positions
  const last = positions.at(-1)
  if (first === undefined || last === undefined || room.nid === undefined) return []
  // The store shows a commit a moment before memory has it.
  if (room.lastPosition < last) await room.lastWrite
  for (let attempt = 1; ; attempt++) {
    const upTo = room.lastPosition
    const moved =
      movedInMemory(room, first) ?? (await ctx.store.rooms.members.changedIn([room.nid], { after: first, upTo }))
    if (room.lastPosition !== upTo && attempt < maxAttempts) continue
    const present = presentOf(ctx, room, moved)
    if (present.moved.size === 0) return positions.map(() => present.servers)
    const answers: Servers[] = []
    for (const position of positions) answers.push(await serversThen(ctx, present, { roomNid: room.nid, position }))
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
  /** Joined users of each server. */
  joined: ReadonlyMap<ServerName, number>
  /**
   * Whose membership changed of late, and whether they are joined: of the servers that may have had no other user then.
   */
  moved: ReadonlyMap<UserId, boolean>
}

function presentOf({ config }: Needs, room: LiveRoom, changed: readonly UserId[]): Present {
  const joined = new Map(room.joinedByServer)
  joined.delete(config.server_name)
  const isJoined = (userId: UserId) => room.members.get(userId) === 'join'
  const steady = new Map(joined)
  for (const userId of changed) {
    const server = serverOf(userId)
    if (isJoined(userId)) steady.set(server, (steady.get(server) ?? 0) - 1)
  }
  const isOpen = (server: ServerName) => server !== config.server_name && (steady.get(server) ?? 0) <= 0
  const moved = changed.filter((userId) => isOpen(serverOf(userId)))
  return { servers: new Set(joined.keys()), joined, moved: new Map(moved.map((userId) => [userId, isJoined(userId)])) }
}

async function serversThen(
  { store }: Needs,
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
