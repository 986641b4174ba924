import type { Context } from '#context.ts'
import { membershipOf, type JsonObject } from '#protocol/events/event.ts'
import { readPowerLevels, type PowerLevels } from '#protocol/rooms/power-levels.ts'
import { loadStateEntries } from './load-state-entries.ts'
import type { LiveRoom } from './live-room.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store'>

/** The content of the state event on which the next event builds; undefined where nobody holds the key. */
export async function nextContent(
  ctx: Needs,
  room: LiveRoom,
  [type, stateKey]: readonly [type: string, stateKey: string],
): Promise<JsonObject | undefined> {
  await loadStateEntries(ctx, room, [[type, stateKey]])
  return room.nextStateEntry(type, stateKey)?.pdu?.content
}

/** A user's membership as the next event will find it. */
export async function nextMembership(ctx: Needs, room: LiveRoom, userId: UserId): Promise<string | undefined> {
  const content = await nextContent(ctx, room, ['m.room.member', userId])
  return content && membershipOf({ content })
}

/** The power levels in force for the next event. */
export async function nextPowerLevels(ctx: Needs, room: LiveRoom): Promise<PowerLevels> {
  await loadStateEntries(ctx, room, [
    ['m.room.create', ''],
    ['m.room.power_levels', ''],
  ])
  const pduOf = (type: string) => room.nextStateEntry(type, '')?.pdu
  return readPowerLevels({ powerLevels: pduOf('m.room.power_levels'), create: pduOf('m.room.create') }, room.version)
}
