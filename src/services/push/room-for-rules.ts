import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'
import type { PushContext } from '#protocol/push/push-conditions.ts'
import { memberCountClass, type CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { readPowerLevels, type PowerLevels } from '#protocol/rooms/power-levels.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/** The properties of a room that push conditions depend on. */
export type RoomForRules = {
  /** Changes whenever the result of a condition may change. */
  version: string
  seenBy(sender: UserId): PushContext
}

/** The room's current state for the push rules of a member. */
export async function roomForRules(
  ctx: Pick<Context, 'store'>,
  room: LiveRoom,
  ruleset: CompiledRuleset,
): Promise<RoomForRules> {
  const { userId } = ruleset
  await loadStateEntries(ctx, room, [
    ['m.room.member', userId],
    ['m.room.power_levels', ''],
    ['m.room.create', ''],
  ])
  const pduOf = (type: string, stateKey = '') => room.entry(type, stateKey)?.pdu
  const displayName = pduOf('m.room.member', userId)?.content.displayname
  const memberCount = room.count('join')
  let levels: PowerLevels | undefined
  const levelsNow = () =>
    (levels ??= readPowerLevels(
      { powerLevels: pduOf('m.room.power_levels'), create: pduOf('m.room.create') },
      room.version,
    ))
  return {
    version: JSON.stringify([
      memberCountClass(ruleset, memberCount),
      room.entry('m.room.power_levels', '')?.eventId,
      displayName,
    ]),
    seenBy: (sender) => ({
      memberCount,
      // Read on demand: few rules need power levels.
      get senderPowerLevel() {
        return levelsNow().ofUser(sender)
      },
      get roomNotificationLevels() {
        return levelsNow().notifications
      },
      ...(typeof displayName === 'string' ? { displayName } : {}),
    }),
  }
}
