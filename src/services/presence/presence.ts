import { presenceChanged } from '#bus/topics.ts'
import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { RemotePresence } from './remote-presences.ts'
import type { PresenceContent, PresenceState } from './presence-content.ts'
import type { Sighting } from './presences.ts'
import type { UserId } from '#protocol/ids.ts'

/** Of the rooms of a user of another server, so many are looked at for users here. */
const maxSharedRooms = 200

type Needs = Pick<Context, 'store' | 'bus' | 'presence' | 'log'>

export type NewPresence = { userId: UserId; deviceId?: string; state: PresenceState; status?: string | undefined }

/** Sets the presence and status of a user on a device, and announces them to users who share a room. */
export async function setPresence(ctx: Needs, { userId, deviceId = '', state, status }: NewPresence): Promise<void> {
  const isSaid = ctx.presence.say(userId, status)
  const isSeen = ctx.presence.see({ userId, deviceId, state, isStated: true })
  watch(ctx)
  if (isSaid || isSeen) await announcePresence(ctx, [userId])
}

/**
 * Records a sync of a device, without changing the user's status.
 * NOTSPEC: a sync without `set_presence` leaves a presence that was set by PUT /presence, since clients that set it by
 * that request alone would undo it with the next sync; otherwise it sets the device online.
 */
export async function markPresence(ctx: Needs, sighting: Sighting): Promise<void> {
  const isNews = ctx.presence.see(sighting)
  watch(ctx)
  if (isNews) await announcePresence(ctx, [sighting.userId])
}

/** Presence is for those who share a room. */
export async function findPresence(
  { store, presence }: Pick<Context, 'store' | 'presence'>,
  { userId, reader }: { userId: UserId; reader: UserId },
): Promise<PresenceContent> {
  if (userId !== reader && !(await store.rooms.members.shareRoom(reader, userId)))
    throw forbidden("You are not allowed to see this user's presence")
  return presence.find(userId) ?? { presence: 'offline' }
}

/** Takes in what another server says of its users, of whom only those count who share a room with users here. */
export async function hearPresences(
  ctx: Needs & Pick<Context, 'rooms'>,
  presences: readonly RemotePresence[],
): Promise<void> {
  for (const presence of presences) {
    const watchers = await localWatchers(ctx, presence.userId)
    if (watchers.size > 0 && ctx.presence.hear(presence))
      for (const userId of watchers) ctx.presence.unannouncedTo.add(userId)
  }
  if (ctx.presence.unannouncedTo.size === 0) return
  watch(ctx)
  await ctx.presence.announcements.run('those of other servers', async () => {
    const userIds = [...ctx.presence.unannouncedTo]
    ctx.presence.unannouncedTo.clear()
    ctx.bus.publish(presenceChanged, { userIds })
  })
}

/** The users of this server who share a room with the user. */
async function localWatchers({ store, rooms }: Pick<Context, 'store' | 'rooms'>, userId: UserId): Promise<Set<UserId>> {
  const shared = await rooms.findToRead((await store.rooms.rooms.listJoined(userId)).slice(0, maxSharedRooms))
  const watchers = new Set<UserId>()
  for (const room of shared)
    if (room?.members.get(userId) === 'join') for (const local of room.localUsers) watchers.add(local)
  return watchers
}

/** Announces users whose presence has timed out. */
function watch(ctx: Needs): void {
  ctx.presence.watch((userIds) => {
    announcePresence(ctx, userIds).catch((error: unknown) => ctx.log.warn('presence was not announced', { error }))
  })
}

/** Changes in quick succession are announced together. */
async function announcePresence(
  ctx: Pick<Context, 'store' | 'bus' | 'presence'>,
  userIds: readonly UserId[],
): Promise<void> {
  for (const userId of userIds) ctx.presence.unannounced.add(userId)
  await ctx.presence.announcements.run('everybody', () => announceAll(ctx))
}

async function announceAll({ store, bus, presence }: Pick<Context, 'store' | 'bus' | 'presence'>): Promise<void> {
  const changed = [...presence.unannounced]
  presence.unannounced.clear()
  const concerned = new Set(changed)
  for (const userId of changed)
    for (const other of await store.rooms.members.usersSharingRooms(userId)) concerned.add(other)
  bus.publish(presenceChanged, { userIds: [...concerned] })
}
