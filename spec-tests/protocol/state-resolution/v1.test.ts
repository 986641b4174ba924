import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import type { EventId } from '#protocol/ids.ts'
import { startOfTime } from '../../support/generators/test-room.ts'
import { member } from '../../support/generators/acts.ts'
import { alice, bob, carol, dave, openRoom, setJoinRule, setLevels, setTopic } from './open-room.ts'

const sha1 = (id: EventId) => hash('sha1', id)

describe('state resolution of room version 1', () => {
  it('takes the deepest of contending topics, whatever their clocks say', () => {
    const { room, opened } = openRoom('1')
    const deep = room.add(setTopic(bob, 'deep'), { prevs: opened, depth: 90, sentAt: startOfTime - 5000 })
    const flat = room.add(setTopic(carol, 'flat'), { prevs: opened, depth: 80, sentAt: startOfTime + 5000 })

    assert.equal(room.entry([deep, flat], 'm.room.topic'), deep)
  })

  it('takes the lowest sha1 of the event id where depths are equal', () => {
    const { room, opened } = openRoom('1')
    const race = ([bob, carol, dave] as const).map((user) =>
      room.add(setTopic(user, 'now'), { prevs: opened, depth: 9 }),
    )
    const lowest = race.reduce((x, y) => (sha1(x) < sha1(y) ? x : y))

    assert.equal(room.entry(race, 'm.room.topic'), lowest)
  })

  it('sees no conflict where a state lacks what the others hold', () => {
    const { room, opened } = openRoom('1')
    const topic = room.add(setTopic(bob, 'only here'), { prevs: opened })
    const renamed = room.add(member(carol, carol, 'join', { displayname: 'C' }), { prevs: opened })

    assert.equal(room.entry([topic, renamed], 'm.room.topic'), topic)
  })

  it('goes on from power levels to power levels while each allows the next, by depth', () => {
    const { room, opened } = openRoom('1', { [bob]: 100 })
    const lowered = room.add(setLevels(alice, { [alice]: 100, [bob]: 100 }, { kick: 10 }), {
      prevs: opened,
      depth: 20,
    })
    const raised = room.add(setLevels(bob, { [alice]: 100, [bob]: 100, [carol]: 50 }), { prevs: opened, depth: 30 })

    assert.equal(room.entry([lowered, raised], 'm.room.power_levels'), raised)
  })

  it('stops at the first power levels that the ones before do not allow', () => {
    const { room, opened } = openRoom('1', { [bob]: 100 })
    const resigned = room.add(setLevels(bob, { [alice]: 100, [bob]: 0 }), { prevs: opened, depth: 20 })
    const seized = room.add(setLevels(bob, { [alice]: 100, [bob]: 100, [carol]: 100 }), { prevs: opened, depth: 30 })

    assert.equal(room.entry([resigned, seized], 'm.room.power_levels'), resigned)
  })

  it('settles memberships under the join rules and power levels that won', () => {
    const { room, opened } = openRoom('1', {}, [bob])
    const invited = room.add(member(alice, carol, 'invite'), { prevs: opened })
    const closed = room.add(setJoinRule(alice, 'invite'), { prevs: [invited], depth: 60 })
    const joined = room.add(member(carol, carol, 'join'), { prevs: [invited], depth: 50 })

    assert.equal(room.entry([closed, joined], 'm.room.join_rules'), closed)
    assert.equal(room.entry([closed, joined], 'm.room.member', carol), joined)
  })

  it('keeps the least deep event when the rules allow none of the contenders', () => {
    const { room, opened } = openRoom('1', { [bob]: 50 })
    const first = room.add(setTopic(bob, 'first'), { prevs: opened, depth: 20 })
    const second = room.add(setTopic(bob, 'second'), { prevs: opened, depth: 30 })
    const ban = room.add(member(alice, bob, 'ban'), { prevs: [first], depth: 40 })
    const rest = room.add(member(alice, alice, 'join', { displayname: 'A' }), { prevs: [ban], depth: 50 })
    const unaware = new Map(room.replay.stateAfter.get(rest)!).set('m.room.topic\0', second)

    assert.equal(room.replay.resolve([room.replay.stateAfter.get(rest)!, unaware]).get('m.room.topic\0'), first)
  })
})
