import assert from 'node:assert/strict'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import { startOfTime } from '../../support/generators/test-room.ts'
import { member } from '../../support/generators/acts.ts'
import { alice, bob, carol, dave, openRoom, setJoinRule, setLevels, setTopic } from './open-room.ts'

const joinRules = stateKey('m.room.join_rules', '')
const powerLevels = stateKey('m.room.power_levels', '')

/** The room is closed and its creator gone; a server then claims a state in which it is still open. */
function claimOpenRoom(versionId: string) {
  const { room, opened } = openRoom(versionId)
  const open = room.entry(opened, 'm.room.join_rules')!
  const closed = room.add(setJoinRule(alice, 'invite'), { prevs: opened })
  const left = room.add(member(alice, alice, 'leave'), { prevs: [closed] })
  const truth = room.replay.stateAfter.get(left)!
  const lie = new Map(truth).set(joinRules, open)
  return { resolved: room.replay.resolve([truth, lie]), closed, left }
}

/** Power is handed on twice; a server then claims a state with the first levels, yet with somebody who joined under the last. */
function claimFirstPowerLevels(versionId: string) {
  const { room, opened } = openRoom(versionId, { [dave]: 100 }, [bob, carol, dave])
  const creators = room.version.creatorsOutrankAll ? {} : { [alice]: 100 }
  const first = room.entry(opened, 'm.room.power_levels')!
  const second = room.add(setLevels(dave, { ...creators, [dave]: 100, [bob]: 50 }), { prevs: opened })
  const third = room.add(setLevels(bob, { ...creators, [dave]: 100, [bob]: 50, [carol]: 50 }), { prevs: [second] })
  const eve = '@eve:s4.test'
  const zara = '@zara:s5.test'
  const zaraJoined = room.add(member(zara, zara, 'join'), { prevs: [third] })
  const eveJoined = room.add(member(eve, eve, 'join'), { prevs: [third] })
  const truth = room.replay.stateAfter.get(zaraJoined)!
  const lie = new Map(room.replay.stateAfter.get(eveJoined)!).set(powerLevels, first)
  return { resolved: room.replay.resolve([truth, lie]), first, third }
}

describe('T17 replaying old state through resolution', () => {
  for (const version of ['2', '6', '10', '11']) {
    it(`removes the join rules of a room whose creator left, in version ${version}`, () => {
      const { resolved } = claimOpenRoom(version)
      assert.equal(resolved.get(joinRules), undefined)
    })

    it(`brings back the first power levels in version ${version}`, () => {
      const { resolved, first } = claimFirstPowerLevels(version)
      assert.equal(resolved.get(powerLevels), first)
    })
  }

  it('leaves the join rules as they were in version 12, which starts from the empty set', () => {
    const { resolved, closed } = claimOpenRoom('12')
    assert.equal(resolved.get(joinRules), closed)
  })

  it('leaves the power levels as they were in version 12, which replays the conflicted subgraph', () => {
    const { resolved, third } = claimFirstPowerLevels('12')
    assert.equal(resolved.get(powerLevels), third)
  })

  it('does not bring back in version 12 who left, though their join is what entitles the replayed events', () => {
    const { resolved, left } = claimOpenRoom('12')
    assert.equal(resolved.get(stateKey('m.room.member', alice)), left)
  })
})

describe('T17 outranking the creator by clock and number', () => {
  const everything = Number.MAX_SAFE_INTEGER
  const early = startOfTime - 1_000_000

  it('puts the creator of a version 12 room before any level and any time', () => {
    const { room, opened } = openRoom('12', { [bob]: everything })
    const demotion = room.add(setLevels(alice, { [bob]: 0 }), { prevs: opened })
    const coup = room.add(setLevels(bob, { [bob]: everything, [carol]: everything }), { prevs: opened, sentAt: early })

    assert.equal(room.entry([coup, demotion], 'm.room.power_levels'), demotion)
  })

  it('refuses to ban the creator of a version 12 room, also from a branch of the past', () => {
    const { room, opened } = openRoom('12', { [bob]: everything })
    const topic = room.add(setTopic(alice, 'still here'), { prevs: opened })
    const ban = room.add(member(bob, alice, 'ban'), { prevs: opened, sentAt: early })

    assert.ok(room.replay.rejected.has(ban))
    assert.equal(room.entry([ban, topic], 'm.room.topic'), topic)
  })

  it('gives a version 12 room the id of its create event, so that no other create event can take its place', () => {
    const { room, opened } = openRoom('12')
    const truth = room.replay.stateBefore(opened)
    const place = stateKey('m.room.create', '')
    const usurper = { type: 'm.room.create', sender: bob, state_key: '', content: { room_version: '12' } } as const
    const lie = new Map(truth).set(place, room.add(usurper, { prevs: [] }))
    const levels = room.add(setLevels(alice, { [carol]: 50 }), { prevs: opened })

    assert.equal(room.roomId, `!${truth.get(place)!.slice(1)}`)
    const resolved = room.replay.resolve([room.replay.stateAfter.get(levels)!, lie])
    assert.equal(resolved.get(powerLevels), levels)
  })
})
