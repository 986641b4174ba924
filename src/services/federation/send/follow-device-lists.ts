import { inSlices } from '#base/in-slices.ts'
import type { Context } from '#context.ts'
import type { Follower } from '#jobs/follower.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isObject } from '#protocol/events/event.ts'
import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import { queryStoredKeys } from '#services/e2ee/query-keys.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { announceEdus, enqueueEdus, type NewEdu } from '#services/remote/outgoing-edus.ts'

type Needs = Pick<Context, 'store' | 'rooms' | 'config' | 'bus'>
type Change = { userId: UserId; deviceId: string; position: number }

/**
 * Announces changes of our users' devices to the servers that share a room with them, in order and with what was
 * announced to each before, so that a server knows when it missed one.
 * https://spec.matrix.org/v1.19/server-server-api/#device-management
 */
export const followDeviceLists = (ctx: Needs): Follower<'device_lists'> => ({
  name: 'federation device lists',
  streams: ['device_lists'],
  from: 'now',
  async handle({ entries }) {
    const own = entries.filter(
      ({ userId, observerId }) => observerId === '' && serverOf(userId) === ctx.config.server_name,
    )
    for (const [userId, changes] of Map.groupBy(own, (entry) => entry.userId)) await announce(ctx, userId, changes)
  },
})

async function announce(ctx: Needs, userId: UserId, changes: readonly Change[]): Promise<void> {
  await sendChanges(ctx, { userId, changes, servers: await serversSharing(ctx, userId) })
}

/** Devices of one user that are announced to a server which knows of none. */
const maxAnnounced = 20
/**
 * NOTSPEC: to the servers of a larger room nothing is announced for a join alone. They ask for a list before they first
 * need it, as they must of servers that announce nothing so, Synapse among them.
 */
const maxNewServers = 1000

/**
 * Announces the devices of a user of ours who has joined a room to those servers in it that were never sent any: from
 * then on they are sent what changes. May be called again for the same join.
 */
export async function announceToNewServers(ctx: Needs, room: LiveRoom, userId: UserId): Promise<void> {
  const others = [...room.joinedByServer.keys()].filter((server) => server !== ctx.config.server_name)
  if (others.length === 0 || others.length > maxNewServers) return
  const { deviceLists, remoteDeviceLists } = ctx.store.e2ee
  const known = await remoteDeviceLists.serversSent(userId, others)
  const servers = new Set(others.filter((server) => !known.has(server)))
  if (servers.size === 0) return
  const unsaid = new Set((await ctx.store.accounts.devices.list(userId)).map(({ deviceId }) => deviceId))
  const newest = await deviceLists.newestChanges(userId, maxAnnounced)
  const changes = newest.flatMap((one) =>
    one.deviceId === '' || unsaid.delete(one.deviceId) ? { ...one, userId } : [],
  )
  // A device that has no keys has no change yet.
  const keyless = [...unsaid].slice(0, maxAnnounced - changes.length)
  const last =
    keyless.length > 0 ? await ctx.store.transaction((tx) => tx.streams.next('device_lists', keyless.length)) : 0
  for (const [index, deviceId] of keyless.entries())
    changes.push({ userId, deviceId, position: last - keyless.length + 1 + index })
  await sendChanges(ctx, { userId, changes, servers })
}

type Announced = { userId: UserId; changes: readonly Change[]; servers: ReadonlySet<ServerName> }

const sliceSize = 100

async function sendChanges(ctx: Needs, { userId, changes, servers }: Announced): Promise<void> {
  if (servers.size === 0 || changes.length === 0) return
  const contents = await contentsOf(ctx, userId, changes)
  for (const slice of inSlices([...servers], sliceSize))
    await ctx.store.transaction(async (tx) => {
      for (const destination of slice) {
        const before = (await tx.e2ee.remoteDeviceLists.sentTo(destination, [userId])).get(userId)
        const { edus, last } = edusFor(destination, contents, before)
        // A queue that is full is that of a server that was away for long: it fetches the list when it is back, because
        // the next change it gets names one that it lacks.
        await enqueueEdus(ctx, tx, edus)
        if (last !== undefined) await tx.e2ee.remoteDeviceLists.saveSent(destination, new Map([[userId, last]]))
      }
    })
  announceEdus(ctx, servers)
}

type Content = { type: string; content: JsonObject; position: number }

/** What is said of each change, without what was said before. */
async function contentsOf(ctx: Needs, userId: UserId, changes: readonly Change[]): Promise<Content[]> {
  const found = await queryStoredKeys(ctx, undefined, [{ userId, deviceIds: [] }])
  const present = new Set((await ctx.store.accounts.devices.list(userId)).map(({ deviceId }) => deviceId))
  const [master, selfSigning] = [found.masterKeys[userId], found.selfSigningKeys[userId]]
  return changes.map(({ deviceId, position }) => {
    if (deviceId === '') {
      const keys = { ...(master && { master_key: master }), ...(selfSigning && { self_signing_key: selfSigning }) }
      return { type: 'm.signing_key_update', content: { user_id: userId, ...keys }, position }
    }
    const content: JsonObject = { user_id: userId, device_id: deviceId, stream_id: position }
    const device = found.deviceKeys[userId]?.[deviceId]
    if (device) {
      const { unsigned, ...keys } = device
      content.keys = keys
      const name = isObject(unsigned) ? unsigned.device_display_name : undefined
      if (ctx.config.federation.share_device_names && name !== undefined) content.device_display_name = name
    } else if (!present.has(deviceId)) content.deleted = true
    return { type: 'm.device_list_update', content, position }
  })
}

function edusFor(
  destination: ServerName,
  contents: readonly Content[],
  before: number | undefined,
): { edus: NewEdu[]; last: number | undefined } {
  let last = before
  const edus = contents.map(({ type, content, position }) => {
    if (type !== 'm.device_list_update') return { destination, type, content }
    const previous = last === undefined ? [] : [last]
    last = position
    return { destination, type, content: { ...content, prev_id: previous } }
  })
  return { edus, last }
}

/** The other servers with which the user shares a room. */
async function serversSharing(ctx: Needs, userId: UserId): Promise<Set<ServerName>> {
  const servers = new Set<ServerName>()
  for (const roomId of await ctx.store.rooms.rooms.listJoined(userId)) {
    const room = await ctx.rooms.find(roomId)
    for (const server of room?.joinedByServer.keys() ?? []) servers.add(server)
  }
  servers.delete(ctx.config.server_name)
  return servers
}
