import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/rooms/room-version.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { percentiles, processFigures } from '../support/statistics.ts'
import type { Figures, InsideWorkload } from '../support/workload.ts'

const forwardExtremities = 10
const rounds = 9
const creator: UserId = '@creator:s'
const create: EventId = '$create'

type Draft = { type: string; sender: UserId; key: string; content: JsonObject; auth: (EventId | undefined)[] }

/** The events and states of a room, made without asking the rules. */
class CrowdedRoom {
  readonly events = new Map<EventId, Pdu>()
  readonly base = new Map<StateKey, EventId>()

  add(state: Map<StateKey, EventId>, { type, sender, key, content, auth }: Draft): void {
    const number = this.events.size
    const id: EventId = type === 'm.room.create' ? create : `$${String(number).padStart(43, 'x')}`
    this.events.set(id, {
      type,
      sender,
      state_key: key,
      content,
      room_id: '!create',
      auth_events: auth.filter((each) => each !== undefined),
      prev_events: [],
      origin_server_ts: number,
      depth: number,
      hashes: { sha256: '' },
      signatures: {},
    })
    state.set(stateKey(type, key), id)
  }

  /** A change of membership by the sender, citing what it must. */
  member(state: Map<StateKey, EventId>, [sender, target, membership]: [UserId, UserId, string]): void {
    const cited = [...new Set([sender, target])].map((user) => state.get(stateKey('m.room.member', user)))
    const rules = membership === 'join' ? state.get(stateKey('m.room.join_rules', '')) : undefined
    const auth = [...this.cited(state), rules, ...cited]
    this.add(state, { type: 'm.room.member', sender, key: target, content: { membership }, auth })
  }

  cited(state: StateMap): (EventId | undefined)[] {
    return [state.get(stateKey('m.room.create', '')), state.get(stateKey('m.room.power_levels', ''))]
  }
}

function crowdedRoom(versionId: string, members: number): { room: CrowdedRoom; sets: StateMap[] } {
  const room = new CrowdedRoom()
  const { base } = room
  const own = (type: string, content: JsonObject): Draft => {
    const joined = base.get(stateKey('m.room.member', creator))
    return { type, sender: creator, key: '', content, auth: [...room.cited(base), joined] }
  }
  const levels = (users: JsonObject): JsonObject =>
    versionId === '12' ? { users } : { users: { [creator]: 100, ...users }, events: { 'm.room.topic': 0 } }
  room.add(base, own('m.room.create', { creator, room_version: versionId }))
  room.member(base, [creator, creator, 'join'])
  room.add(base, own('m.room.power_levels', levels({})))
  room.add(base, own('m.room.join_rules', { join_rule: 'public' }))
  for (let user = 0; user < members; user++) room.member(base, [`@u${user}:s`, `@u${user}:s`, 'join'])
  const sets = Array.from({ length: forwardExtremities }, (_, forwardExtremity) => {
    const state = new Map(base)
    for (let user = 0; user < 100; user++)
      room.member(state, [`@n${forwardExtremity}-${user}:s`, `@n${forwardExtremity}-${user}:s`, 'join'])
    for (let user = 0; user < 20; user++) room.member(state, [creator, `@u${forwardExtremity * 100 + user}:s`, 'ban'])
    room.add(state, own('m.room.topic', { topic: `topic ${forwardExtremity}` }))
    room.add(state, own('m.room.power_levels', levels({ [`@u${forwardExtremity}:s`]: 50 })))
    return state
  })
  return { room, sets }
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
        resolveState({ ...input, event: (id) => room.events.get(id) })
        return performance.now() - start
      })
      Object.assign(figures, percentiles(durations, `version_${versionId}`))
    }
    return { ...figures, ...processFigures(process.pid) }
  },
}
