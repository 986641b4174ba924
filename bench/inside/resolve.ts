import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { member, state, type Act } from '../../spec-tests/support/generators/acts.ts'
import { openedRoom } from '../../spec-tests/support/generators/opened-room.ts'
import type { TestRoom } from '../../spec-tests/support/generators/test-room.ts'
import { percentiles, processFigures } from '../support/statistics.ts'
import type { Figures, InsideWorkload } from '../support/workload.ts'

const forwardExtremities = 10
const rounds = 9
const creator: UserId = '@creator:s'

/** A room made without asking the rules, and the states after its forks. */
function crowdedRoom(versionId: string, members: number): { room: TestRoom; sets: StateMap[] } {
  const everybody = Object.fromEntries(Array.from({ length: members }, (_, user) => [`@u${user}:s`, 'join']))
  const levels = { events: { 'm.room.topic': 0 } }
  const room = openedRoom(versionId, { creator, levels, members: everybody, signed: false, ruled: false })
  const base = new Map(room.replay.stateBefore([]))
  const sets = Array.from({ length: forwardExtremities }, (_, forwardExtremity) => {
    const fork = new Map(base)
    for (let user = 0; user < 100; user++) {
      const newcomer = `@n${forwardExtremity}-${user}:s`
      lay(fork, room, member(newcomer, newcomer, 'join'))
    }
    for (let user = 0; user < 20; user++)
      lay(fork, room, member(creator, `@u${forwardExtremity * 100 + user}:s`, 'ban'))
    lay(fork, room, state(creator, 'm.room.topic', { topic: `topic ${forwardExtremity}` }))
    const users = { [`@u${forwardExtremity}:s`]: 50 }
    lay(fork, room, state(creator, 'm.room.power_levels', room.levels({ ...levels, users })))
    return fork
  })
  return { room, sets }
}

/** Adds a state event that cites what it must of the state, and becomes part of it. */
function lay(fork: Map<StateKey, EventId>, room: TestRoom, act: Act): void {
  fork.set(stateKey(act.type, act.state_key ?? ''), room.add(act, { authState: fork }))
}

/** Without a store: what the algorithm itself takes. To reach: 200 ms. */
export const resolve: InsideWorkload = {
  summary: 'resolves ten heads of a room of --members that differ in 1,300 events, by the protocol alone',
  defaults: { members: 20_000 },
  async run({ members }) {
    const figures: Figures = {}
    for (const versionId of ['10', '12']) {
      const { room, sets } = crowdedRoom(versionId, members)
      const input = { version: roomVersion(versionId)!, sets, isRejected: () => false }
      const durations = Array.from({ length: rounds }, () => {
        const start = performance.now()
        resolveState({ ...input, event: (id) => room.replay.events.get(id) })
        return performance.now() - start
      })
      Object.assign(figures, percentiles(durations, `version_${versionId}`))
    }
    return { ...figures, ...processFigures(process.pid) }
  },
}
