import { presenceChanged } from '#bus/topics.ts'
import { forbidden } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { PresenceState } from '#store/presences.ts'
import type { PresenceContent } from './presence-content.ts'
import type { RemotePresence } from './remote-presences.ts'
import type { Sighting } from './presences.ts'
import { recallPresence, savePresenceSoon } from './saved-presence.ts'
import type { UserId } from '#protocol/ids.ts'

/** Of the rooms of a user of another server, so many are looked at for users here. */
const maxSharedRooms = 200

export type PresenceNeeds = Pick<Context, 'store' | 'bus' | 'presence' | 'log' | 'locks'>

export type NewPresence = { userId: UserId; deviceId?: string; state: PresenceState; status?: string | undefined }

/** Sets the presence and status of a user on a device, and announces them to users who share a room. */
export async function setPresence(
  ctx: PresenceNeeds,
  { userId, deviceId = '', state, status }: NewPresence,
): Promise<void> {
  await recallPresence(ctx, userId)
  const isSaid = ctx.presence.say(userId, status)
  const isSeen = ctx.presence.see({ userId, deviceId, state, isStated: true })
  watchPresence(ctx)
  await savePresenceSoon(ctx)
  if (isSaid || isSeen) await announcePresence(ctx, [userId])
}

/**
 * Records a sync of a device, without changing the user's status.
 * NOTSPEC: a sync without `set_presence` leaves a presence that was set by PUT /presence, since clients that set it by
 * that request alone would undo it with the next sync; otherwise it sets the device online.
 */
export async function markPresence(ctx: PresenceNeeds, sighting: Sighting): Promise<void> {
  await recallPresence(ctx, sighting.userId)
  const isNews = ctx.presence.see(sighting)
  watchPresence(ctx)
  await savePresenceSoon(ctx)
  if (isNews) await announcePresence(ctx, [sighting.userId])
}

/** Presence is for those who share a room. */
export async function findPresence(
  ctx: Pick<Context, 'store' | 'presence'>,
  { userId, reader }: { userId: UserId; reader: UserId },
): Promise<PresenceContent> {
  if (userId !== reader && !(await ctx.store.rooms.sharing.shareRoom(reader, userId)))
    throw forbidden("You are not allowed to see this user's presence")
  await recallPresence(ctx, userId)
  return ctx.presence.find(userId) ?? { presence: 'offline' }
}

/** Takes in what another server says of its users, of whom only those count who share a room with users here. */
export async function hearPresences(
  ctx: PresenceNeeds & Pick<Context, 'rooms'>,
  presences: readonly RemotePresence[],
): Promise<void> {
  for (const presence of presences) {
    const watchers = await localWatchers(ctx, presence.userId)
    if (watchers.size > 0 && ctx.presence.hear(presence))
      for (const userId of watchers) ctx.presence.unannouncedTo.add(userId)
  }
  if (ctx.presence.unannouncedTo.size === 0) return
  watchPresence(ctx)
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
export function watchPresence(ctx: PresenceNeeds): void {
  ctx.presence.watch((userIds) => spreadPresence(ctx, userIds))
}

/** Saves and announces users whose presence changed without a request of theirs. */
export function spreadPresence(ctx: PresenceNeeds, userIds: readonly UserId[]): void {
  const spreading = savePresenceSoon(ctx).then(() => announcePresence(ctx, userIds))
  spreading.catch((error: unknown) => ctx.log.warn('presence was not announced', { error }))
}

/** Changes in quick succession are announced together. */
async function announcePresence(
  ctx: Pick<Context, 'store' | 'bus' | 'presence'>,
  userIds: readonly UserId[],
): Promise<void> {
  for (const userId of userIds) ctx.presence.unannounced.add(userId)
  await ctx.presence.announcements.run('announced', () => announceAll(ctx))
}

async function announceAll({ store, bus, presence }: Pick<Context, 'store' | 'bus' | 'presence'>): Promise<void> {
  const changed = [...presence.unannounced]
  presence.unannounced.clear()
  const concerned = new Set(changed)
  for (const userId of changed)
    for (const other of await store.rooms.sharing.usersSharingRooms(userId)) concerned.add(other)
  bus.publish(presenceChanged, { userIds: [...concerned] })
}
