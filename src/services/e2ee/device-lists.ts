import { deviceListsChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { serverOf, type UserId } from '#protocol/ids.ts'

/** Positions of the streams that device lists depend on. */
export type DeviceListPosition = { deviceLists: number; events: number }

export type DeviceListSpan = {
  from: DeviceListPosition
  to: DeviceListPosition
  /** `sharingCandidates` of the two, when the caller knows them. */
  moved?: Promise<readonly UserId[]>
}

export type DeviceListChanges = { changed: UserId[]; left: UserId[] }

/**
 * `changed` and `left` of the user's `device_lists` after one position and up to another.
 * https://spec.matrix.org/v1.19/client-server-api/#tracking-the-device-list-for-a-user
 */
export async function deviceListChanges(
  { store }: Pick<Context, 'store'>,
  userId: UserId,
  { from, to, moved: known }: DeviceListSpan,
): Promise<DeviceListChanges> {
  const updated =
    from.deviceLists < to.deviceLists ? await store.e2ee.deviceLists.changedUsers(userId, from.deviceLists) : []
  const moved =
    from.events < to.events ? await (known ?? sharingMoved(store, userId, { after: from.events, upTo: to.events })) : []
  const others = new Set([...updated, ...moved])
  const isSelfMoved = moved.includes(userId) && (await hasJoinedAmongOthers(store, userId, { from, to, moved }))
  const isSelfUpdated = others.delete(userId) && (updated.includes(userId) || isSelfMoved)
  if (others.size === 0) return { changed: isSelfUpdated ? [userId] : [], left: [] }
  const sharing = new Set(await store.rooms.sharing.sharingAmong(userId, [...others]))
  // In order: what comes from the store has none, and the answer to one request must not differ from time to time.
  return {
    changed: [...(isSelfUpdated ? [userId] : []), ...[...others].filter((other) => sharing.has(other))].sort(),
    left: moved.filter((other) => other !== userId && !sharing.has(other)).sort(),
  }
}

async function sharingMoved(
  { rooms }: Context['store'],
  userId: UserId,
  { after, upTo }: { after: number; upTo: number },
): Promise<UserId[]> {
  const moved = await rooms.sharing.sharingCandidates(userId, after, upTo)
  return [...new Set([...moved, ...(await rooms.partial.membersCompleted(userId, after, upTo))])]
}

/**
 * Whether the user joined a room with users of other servers.
 * NOTSPEC: servers in use name the user as well then, whose devices that server may meet for the first time.
 */
async function hasJoinedAmongOthers(
  store: Context['store'],
  userId: UserId,
  { from, to, moved }: { from: DeviceListPosition; to: DeviceListPosition; moved: readonly UserId[] },
): Promise<boolean> {
  if (!moved.some((other) => serverOf(other) !== serverOf(userId))) return false
  return store.rooms.members.hasJoined(userId, { after: from.events, upTo: to.events })
}

/** Publishes a change of keys; to be called after the commit. */
export function announceDeviceLists({ bus }: Pick<Context, 'bus'>, userIds: readonly UserId[]): void {
  if (userIds.length > 0) bus.publish(deviceListsChanged, { userIds: [...userIds] })
}

type Needs = Pick<Context, 'store' | 'bus' | 'waiters' | 'config' | 'log'>

/** Wakes long polls of users that share a room with changed users; the answer stops it. */
export function followDeviceLists(ctx: Needs): () => void {
  return ctx.bus.subscribe(deviceListsChanged, ({ userIds }) => {
    const work = wakeObservers(ctx, userIds).catch((error: unknown) => {
      ctx.log.warn('waking for a device list failed', { error })
      ctx.waiters.moveAll('device_lists')
    })
    ctx.waiters.announce(work)
  })
}

async function wakeObservers({ store, waiters, config }: Needs, userIds: readonly UserId[]): Promise<void> {
  for (const userId of userIds) {
    waiters.move(userId, 'device_lists')
    for (const observer of await store.rooms.sharing.usersSharingRooms(userId))
      if (serverOf(observer) === config.server_name) waiters.move(observer, 'device_lists')
  }
}
