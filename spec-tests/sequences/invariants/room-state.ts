import type { SyncEvent } from '../../support/server/sync.ts'
import type { ClientView } from '../client-view.ts'
import { difference, readEvents, type InvariantName, type Report } from '../report.ts'
import { isLazy } from '../setting.ts'
import type { Device, World } from '../world.ts'

const isMember = (key: string): boolean => key.startsWith('m.room.member|')

/** What a client that applied `state` and the timeline holds is the room's state, as far as it asked for it. */
export async function stateIsKnown(device: Device, fresh: ClientView, report: Report): Promise<void> {
  const { name, user, view, shape } = device
  for (const roomId of Object.keys(view.joined)) {
    const actual = await stateOf(user, roomId)
    if (!actual) continue
    const compare = (invariant: InvariantName, known: Record<string, string> | undefined) => {
      if (!known) return
      const found = difference(without(known, shape), without(actual, shape))
      if (found !== undefined) report(invariant, `${name} in ${roomId}: client <> /state at ${found}`)
    }
    compare('state', view.joined[roomId]?.state)
    compare('fresh-state', fresh.joined[roomId]?.state)
    for (const [key, eventId] of Object.entries(view.joined[roomId]?.state ?? {}))
      if (isMember(key) && actual[key] !== eventId)
        report('known-members', `${name} in ${roomId} holds ${eventId} for ${key}, which ${actual[key]} has replaced`)
  }
}

/** Who left a room knows its state of then. Who was banned without ever having been in it has not left it. */
export async function leftStateIsKnown(
  world: Pick<World, 'wasIn'>,
  { name, user, view, shape }: Device,
  report: Report,
): Promise<void> {
  for (const [roomId, { state }] of Object.entries(view.left)) {
    if (!world.wasIn(user.userId, roomId)) continue
    const actual = await stateOf(user, roomId)
    if (!actual) continue
    const found = difference(without(state, shape), without(actual, shape))
    if (found !== undefined) report('left-state', `${name} in ${roomId}: client <> /state at ${found}`)
  }
}

async function stateOf(user: Device['user'], roomId: string): Promise<Record<string, string> | undefined> {
  const events = await readEvents(user, roomId, 'state')
  return events && Object.fromEntries(events.map((event) => [keyOf(event), event.event_id]))
}

const keyOf = ({ type, state_key: key }: SyncEvent): string => `${type}|${key}`

const without = (state: Record<string, string>, shape: Device['shape']): Record<string, string> =>
  isLazy(shape) ? Object.fromEntries(Object.entries(state).filter(([key]) => !isMember(key))) : state
