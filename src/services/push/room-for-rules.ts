import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'
import type { PushContext } from '#protocol/push/push-conditions.ts'
import { memberCountClass, type CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { readPowerLevels, type PowerLevels } from '#protocol/rooms/power-levels.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'

/** The room around its events, as far as push rules ask. */
export type RoomForRules = {
  /** Another text when rules may answer otherwise. */
  version: string
  seenBy(sender: UserId): PushContext
}

/** The room as the rules of a member see it now. */
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
      // Few rules ask for levels, and few events get as far as such a rule.
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
