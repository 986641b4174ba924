import type { Context } from '#context.ts'
import { membershipOf, type JsonObject } from '#protocol/events/event.ts'
import { readPowerLevels, type PowerLevels } from '#protocol/rooms/power-levels.ts'
import { loadHolders } from './load-holders.ts'
import type { RoomLine } from './room-line.ts'

type Needs = Pick<Context, 'store'>

/** The content of the state event on which the next event builds; undefined where nobody holds the key. */
export async function nextContent(
  ctx: Needs,
  line: RoomLine,
  [type, stateKey]: readonly [type: string, stateKey: string],
): Promise<JsonObject | undefined> {
  await loadHolders(ctx, line, [[type, stateKey]])
  return line.nextHolder(type, stateKey)?.pdu?.content
}

/** A user's membership as the next event will find it. */
export async function nextMembership(ctx: Needs, line: RoomLine, userId: string): Promise<string | undefined> {
  const content = await nextContent(ctx, line, ['m.room.member', userId])
  return content && membershipOf({ content })
}

/** The power levels in force for the next event. */
export async function nextPowerLevels(ctx: Needs, line: RoomLine): Promise<PowerLevels> {
  await loadHolders(ctx, line, [
    ['m.room.create', ''],
    ['m.room.power_levels', ''],
  ])
  const pduOf = (type: string) => line.nextHolder(type, '')?.pdu
  return readPowerLevels({ powerLevels: pduOf('m.room.power_levels'), create: pduOf('m.room.create') }, line.version)
}
