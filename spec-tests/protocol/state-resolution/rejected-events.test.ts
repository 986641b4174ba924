import assert from 'node:assert/strict'
import type { EventId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { stateKey, type StateKey, type StateMap } from '#protocol/state-resolution/state-map.ts'
import { member } from '../../support/generators/acts.ts'
import { alice, bob, carol, dave, openRoom, setJoinRule, setLevels, setTopic } from './open-room.ts'

for (const version of roomVersions) {
  describe(`T13 rejected events in room version ${version.id}`, () => {
    const { room, opened } = openRoom(version.id, { [bob]: 50 })
    const before = room.replay.stateBefore(opened)
    const topic = room.add(setTopic(bob, 'rightful'), { prevs: opened })
    const after = room.replay.stateAfter.get(topic)!
    const usurped = room.add(setLevels(carol, { [carol]: 100 }), { prevs: opened })
    const ban = room.add(member(carol, bob, 'ban'), { prevs: opened })
    const banned: StateMap = new Map(before).set(stateKey('m.room.power_levels', ''), usurped)
    const based = room.add(setJoinRule(carol, 'private'), { prevs: opened, authState: banned })

    const withRejected = (state: StateMap, ...ids: EventId[]) => {
      const changed = new Map<StateKey, EventId>(state)
      for (const id of ids) {
        const { type, state_key: key } = room.replay.events.get(id)!
        changed.set(stateKey(type, key!), id)
      }
      return changed
    }
    const without = (state: StateMap, ...places: StateKey[]) =>
      new Map([...state].filter(([place]) => !places.includes(place)))

    it('are what this test takes them for', () => {
      assert.deepEqual(
        [usurped, ban, based].map((id) => room.replay.rejected.has(id)),
        [true, true, true],
      )
    })

    it('never come back from the conflicted set', () => {
      const resolved = room.replay.resolve([withRejected(before, usurped, ban, based), after])
      for (const id of [usurped, ban, based]) assert.ok(![...resolved.values()].includes(id))
      assert.equal(resolved.get(stateKey('m.room.topic', '')), topic)
    })

    it('never come back though every state holds them', () => {
      const resolved = room.replay.resolve([withRejected(before, ban), withRejected(after, ban)])
      assert.notEqual(resolved.get(stateKey('m.room.member', bob)), ban)
    })

    it('change nothing beside themselves', () => {
      const other = room.add(setTopic(dave, 'another'), { prevs: opened })
      const sets = [room.replay.stateAfter.get(other)!, after]
      const powers = stateKey('m.room.power_levels', '')
      const poisoned = room.replay.resolve([withRejected(sets[0]!, usurped), sets[1]!])
      assert.deepEqual(poisoned, room.replay.resolve([without(sets[0]!, powers), sets[1]!]))
    })

    it('entitle nobody as auth events of others', () => {
      const kick = room.add(member(carol, dave, 'leave'), { prevs: opened, authState: banned })
      const claimed = withRejected(before, kick)
      const resolved = room.replay.resolve([claimed, after])
      assert.notEqual(resolved.get(stateKey('m.room.member', dave)), kick)
    })

    it('do not stand in for what the state lacks', () => {
      if (version.stateResolution === 'v1') return
      const bobsPlace = stateKey('m.room.member', bob)
      const sets = [without(before, bobsPlace), without(after, bobsPlace)]
      const resolveWith = (rejected: EventId[]) => {
        const event = (id: EventId) => room.replay.events.get(id)
        const { state } = resolveState({ version, sets, event, isRejected: (id) => rejected.includes(id) })
        return state!.get(stateKey('m.room.topic', ''))
      }
      assert.equal(resolveWith([]), topic)
      assert.equal(resolveWith([before.get(bobsPlace)!]), undefined)
    })

    it('do not hide the honest state of a room', () => {
      const resolved = room.replay.resolve([withRejected(after, usurped), after])
      assert.equal(resolved.get(stateKey('m.room.member', alice)), after.get(stateKey('m.room.member', alice)))
      assert.equal(resolved.get(stateKey('m.room.power_levels', '')), after.get(stateKey('m.room.power_levels', '')))
    })
  })
}
