import { jobsChanged } from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { announceDeviceLists } from '#services/e2ee/device-lists.ts'
import type { CrossSigningKey } from '#store/e2ee/cross-signing.ts'
import type { RemoteDeviceList } from '#store/e2ee/remote-device-lists.ts'
import { refreshDeviceListJob, replaceCrossSigningKeys } from './device-lists.ts'
import { readCrossSigningKey, readDevice } from './published-devices.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'tokens'>

/** Changes before this one that a server may name; with more, the whole list is fetched. */
const maxPrevious = 100

/**
 * Takes in an `m.device_list_update` of a user of the server that sent it. Where a change before it is missing, the whole
 * list is fetched later. https://spec.matrix.org/v1.19/server-server-api/#device-management
 */
export function applyDeviceListUpdate(ctx: Needs, userId: UserId, content: JsonObject): Promise<void> {
  return apply(ctx, userId, async (tx, list) => {
    const { stream_id: streamId, prev_id: prevIds = [], device_id: deviceId } = content
    if (!Number.isSafeInteger(streamId) || typeof deviceId !== 'string') return 'gap'
    const isSilent = content.deleted !== true && !isObject(content.keys)
    // Of a device without keys there is nothing to ask for.
    if (!list) return isSilent ? 'silent' : 'gap'
    if ((streamId as number) <= list.streamId) return 'known'
    const previous = Array.isArray(prevIds) ? prevIds.slice(0, maxPrevious) : []
    const isNext = previous.every((id) => typeof id === 'number' && id <= list.streamId)
    if (list.isStale || !isNext) return 'gap'
    if (content.deleted === true) {
      await tx.e2ee.deviceKeys.deleteForDevices(userId, [deviceId])
      await tx.e2ee.crossSigning.deleteForDevices(userId, [deviceId])
    } else if (isObject(content.keys)) {
      const device = readDevice({ userId, deviceId }, content.keys, content.device_display_name)
      if (!device) return 'gap'
      await tx.e2ee.deviceKeys.saveRemote(device)
    }
    await tx.e2ee.remoteDeviceLists.save({ ...list, streamId: streamId as number, version: list.version + 1 })
    return isSilent ? 'silent' : 'applied'
  })
}

/** Takes in an `m.signing_key_update` of a user of the server that sent it. */
export function applySigningKeyUpdate(ctx: Needs, userId: UserId, content: JsonObject): Promise<void> {
  return apply(ctx, userId, async (tx, list) => {
    if (!list || list.isStale) return 'gap'
    const keys: CrossSigningKey[] = [
      ...readCrossSigningKey({ userId, usage: 'master' }, content.master_key),
      ...readCrossSigningKey({ userId, usage: 'self_signing' }, content.self_signing_key),
    ]
    const kept = (await tx.e2ee.crossSigning.listOf([userId])).filter(
      (old) => !keys.some(({ usage }) => usage === old.usage),
    )
    const isChanged = await replaceCrossSigningKeys(tx, userId, [...kept, ...keys])
    if (isChanged) await tx.e2ee.remoteDeviceLists.save({ ...list, version: list.version + 1 })
    return isChanged ? 'applied' : 'known'
  })
}

/** `silent`: taken in, and nothing that clients ask about is other than it was. */
type Outcome = 'applied' | 'silent' | 'gap' | 'known'
type Applying = (tx: Transaction, list: RemoteDeviceList | undefined) => Promise<Outcome>

/** Applies a change of somebody with whom one of our users shares a room; others are nothing to us. */
async function apply(ctx: Needs, userId: UserId, work: Applying): Promise<void> {
  const outcome = await ctx.store.transaction(async (tx) => {
    // The counter row is the lock.
    const position = await tx.streams.next('device_lists')
    if ((await tx.rooms.sharing.sharingWithAccounts([userId])).length === 0) return 'known'
    const list = await tx.e2ee.remoteDeviceLists.hold(userId)
    const applied = await work(tx, list)
    if (applied === 'known') return applied
    if (applied === 'gap') await markStale(ctx, tx, { userId, list })
    if (applied === 'silent') return applied
    await tx.e2ee.deviceLists.record([{ userId }], position)
    return applied
  })
  if (outcome === 'known' || outcome === 'silent') return
  announceDeviceLists(ctx, [userId])
  if (outcome === 'gap') ctx.bus.publish(jobsChanged, { kind: refreshDeviceListJob })
}

/** The list is fetched anew; one that is not here when somebody asks, and also if it is being fetched meanwhile. */
async function markStale(
  { clock, tokens }: Needs,
  tx: Transaction,
  { userId, list }: { userId: UserId; list: RemoteDeviceList | undefined },
): Promise<void> {
  const { streamId = 0, version = 0 } = list ?? {}
  await tx.e2ee.remoteDeviceLists.save({ userId, streamId, isStale: true, version: version + 1 })
  // Of whom nobody asked, nothing is here that would be wrong.
  if (streamId === 0) return
  await tx.jobs.jobs.addAgain({
    id: tokens.id(16),
    kind: refreshDeviceListJob,
    key: userId,
    payload: {},
    now: clock.now(),
  })
}
