import assert from 'node:assert/strict'
import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import { authEventIds, prevEventIds, type Pdu, type UnsignedPdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { isEntitled } from '../rooms/entitled.ts'

/** The states that met before an event, and what they resolved to. */
export type Merge = { sets: StateMap[]; resolved: StateMap }

/** How a server follows a room: tells the state after each event and which events the rules reject, from the events alone. */
export class RoomReplay {
  readonly version: RoomVersion
  /** Whether the rules decide; without them nothing is rejected, and all events share one state, that of the last ones. */
  readonly ruled: boolean
  readonly events = new Map<EventId, Pdu>()
  readonly rejected = new Set<EventId>()
  readonly stateAfter = new Map<EventId, StateMap>()
  readonly merges = new Map<string, Merge>()

  readonly #only = new Map<StateKey, EventId>()

  constructor(version: RoomVersion, { ruled = true } = {}) {
    this.version = version
    this.ruled = ruled
  }

  /** Takes the next event; all that it cites must have come before. */
  add(id: EventId, pdu: Pdu): void {
    if (!this.ruled) return this.#addUnruled(id, pdu)
    const before = this.stateBefore(prevEventIds(pdu, this.version))
    const allowed = this.isAllowed(pdu, before)
    this.events.set(id, pdu)
    if (!allowed) this.rejected.add(id)
    const changes = allowed && pdu.state_key !== undefined
    this.stateAfter.set(id, changes ? new Map(before).set(stateKey(pdu.type, pdu.state_key!), id) : before)
  }

  /** Whether the event passes the rules by its own auth events and by the state before it. */
  isAllowed(pdu: Pdu, before: StateMap): boolean {
    const authIds = authEventIds(pdu, this.version)
    if (authIds.some((id) => this.rejected.has(id) || !this.events.has(id))) return false
    return isEntitled(this, pdu) && this.passes(pdu, before)
  }

  passes(pdu: Pdu, state: ReadonlyMap<string, EventId>): boolean {
    const entry = (type: string, key: string) => this.events.get(state.get(stateKey(type, key)) ?? '$')
    return authorize(pdu, this.version, entry) === undefined
  }

  /** The ids of the events in the state that an honest server cites for this event. */
  authEventsFor(draft: UnsignedPdu, state: StateMap): EventId[] {
    return authEventKeys(draft, this.version)
      .map(([type, key]) => state.get(stateKey(type, key)))
      .filter((id) => id !== undefined)
  }

  #addUnruled(id: EventId, pdu: Pdu): void {
    this.events.set(id, pdu)
    if (pdu.state_key !== undefined) this.#only.set(stateKey(pdu.type, pdu.state_key), id)
  }

  stateBefore(prevs: readonly EventId[]): StateMap {
    if (!this.ruled) return this.#only
    const sets = [...new Set(prevs.map((id) => this.stateAfter.get(id)!))]
    if (sets.length <= 1) return sets[0] ?? new Map()
    const at = prevs.toSorted().join()
    const known = this.merges.get(at)
    if (known !== undefined) return known.resolved
    const resolved = this.resolve(sets)
    this.merges.set(at, { sets, resolved })
    return resolved
  }

  /** Resolves states of this room, all of whose events must have come. */
  resolve(sets: readonly StateMap[]): StateMap {
    const { state, missing } = resolveState({
      version: this.version,
      sets,
      event: (id) => this.events.get(id),
      isRejected: (id) => this.rejected.has(id),
    })
    assert.equal(missing, undefined)
    return state!
  }
}
