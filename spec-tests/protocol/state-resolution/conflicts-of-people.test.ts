import assert from 'node:assert/strict'
import type { EventId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { startOfTime } from '../../support/generators/test-room.ts'
import { member } from '../../support/generators/acts.ts'
import { alice, bob, carol, dave, openRoom, setJoinRule, setLevels, setTopic } from './open-room.ts'

const modern = roomVersions.filter(({ stateResolution }) => stateResolution !== 'v1')
const early = startOfTime - 1_000_000
const late = startOfTime + 1_000_000

for (const version of modern) {
  const leveled = (users: Record<`@${string}`, number>) =>
    version.creatorsOutrankAll ? users : { [alice]: 100, ...users }

  describe(`state resolution when people contend in room version ${version.id}`, () => {
    for (const removal of ['ban', 'leave']) {
      it(`lets a ${removal} prevail over what its target did meanwhile, even if that was earlier`, () => {
        const { room, opened } = openRoom(version.id, { [bob]: 50 })
        const old = room.add(setTopic(alice, 'old'), { prevs: opened })
        const topic = room.add(setTopic(bob, 'of the removed'), { prevs: [old] })
        const removed = room.add(member(alice, bob, removal), { prevs: [old], sentAt: late })

        assert.equal(room.entry([removed, topic], 'm.room.member', bob), removed)
        assert.equal(room.entry([removed, topic], 'm.room.topic'), old)
      })
    }

    it('does not void by leaving what the user did meanwhile', () => {
      const { room, opened } = openRoom(version.id)
      const topic = room.add(setTopic(bob, 'farewell'), { prevs: opened })
      const left = room.add(member(bob, bob, 'leave'), { prevs: opened, sentAt: late })

      assert.equal(room.entry([left, topic], 'm.room.topic'), topic)
      assert.equal(room.entry([left, topic], 'm.room.member', bob), left)
    })

    it('keeps out who joined while the room was being closed', () => {
      const { room, opened } = openRoom(version.id, {}, [bob])
      const closed = room.add(setJoinRule(alice, 'invite'), { prevs: opened, sentAt: late })
      const joined = room.add(member(carol, carol, 'join'), { prevs: opened, sentAt: early })

      assert.equal(room.entry([closed, joined], 'm.room.join_rules'), closed)
      assert.equal(room.entry([closed, joined], 'm.room.member', carol), undefined)
    })

    it('keeps who joined before the room was closed, when all branches know of it', () => {
      const { room, opened } = openRoom(version.id, {}, [bob])
      const joined = room.add(member(carol, carol, 'join'), { prevs: opened })
      const closed = room.add(setJoinRule(alice, 'invite'), { prevs: [joined] })
      const topic = room.add(setTopic(bob, 'unaware'), { prevs: [joined] })

      assert.equal(room.entry([closed, topic], 'm.room.member', carol), joined)
      assert.equal(room.entry([closed, topic], 'm.room.join_rules'), closed)
    })

    it('voids a ban by a moderator who was demoted meanwhile by somebody above', () => {
      const { room, opened } = openRoom(version.id, { [bob]: 50 })
      const demotion = room.add(setLevels(alice, leveled({ [bob]: 0 })), { prevs: opened, sentAt: late })
      const ban = room.add(member(bob, carol, 'ban'), { prevs: opened, sentAt: early })

      assert.equal(room.entry([demotion, ban], 'm.room.power_levels'), demotion)
      assert.notEqual(room.entry([demotion, ban], 'm.room.member', carol), ban)
    })

    it('refuses what a user did after giving up power elsewhere', () => {
      const { room, opened } = openRoom(version.id, { [bob]: 90 })
      const resigned = room.add(setLevels(bob, leveled({ [bob]: 10 })), { prevs: opened, sentAt: early })
      const promoted = room.add(setLevels(bob, leveled({ [bob]: 90, [dave]: 90 })), { prevs: opened, sentAt: late })

      assert.equal(room.entry([resigned, promoted], 'm.room.power_levels'), resigned)
    })

    it('orders a fight for power by level before time', () => {
      const { room, opened } = openRoom(version.id, { [bob]: 60, [carol]: 50 })
      const base = { [bob]: 60, [carol]: 50 }
      const byAlice = room.add(setLevels(alice, leveled({ ...base, [bob]: 0 })), { prevs: opened, sentAt: late })
      const byBob = room.add(setLevels(bob, leveled({ ...base, [carol]: 0 })), { prevs: opened, sentAt: early })

      assert.equal(room.entry([byBob, byAlice], 'm.room.power_levels'), byAlice)
    })

    it('settles on the later of two topics sent under the same power levels, whoever resolves', () => {
      const { room, opened } = openRoom(version.id)
      const later = room.add(setTopic(bob, 'later'), { prevs: opened, sentAt: late })
      const earlier = room.add(setTopic(carol, 'earlier'), { prevs: opened, sentAt: early })

      assert.equal(room.entry([later, earlier], 'm.room.topic'), later)
      assert.equal(room.entry([earlier, later], 'm.room.topic'), later)
    })

    it('settles a race within one millisecond by event id', () => {
      const { room, opened } = openRoom(version.id)
      const race: EventId[] = ([bob, carol, dave] as const).map((user) =>
        room.add(setTopic(user, 'now'), { prevs: opened, sentAt: late }),
      )

      assert.equal(room.entry(race, 'm.room.topic'), race.toSorted().at(-1))
    })

    it('prefers what was sent under newer power levels to what has the later clock', () => {
      const { room, opened } = openRoom(version.id)
      const stale = room.add(setTopic(bob, 'under the old levels'), { prevs: opened, sentAt: late })
      const levels = room.add(setLevels(alice, leveled({ [dave]: 10 })), { prevs: opened })
      const fresh = room.add(setTopic(carol, 'under the new levels'), { prevs: [levels], sentAt: early })

      assert.equal(room.entry([stale, fresh], 'm.room.topic'), fresh)
    })

    it('lets a kick and the unaware profile change of its target end in the kick', () => {
      const { room, opened } = openRoom(version.id, { [bob]: 50 })
      const kick = room.add(member(bob, carol, 'leave'), { prevs: opened, sentAt: early })
      const closed = room.add(setJoinRule(alice, 'invite'), { prevs: [kick] })
      const renamed = room.add(member(carol, carol, 'join', { displayname: 'C' }), { prevs: opened, sentAt: late })

      assert.equal(room.entry([closed, renamed], 'm.room.member', carol), kick)
    })

    it('does not undo what only one branch saw happen', () => {
      const { room, opened } = openRoom(version.id, { [bob]: 50 })
      const ban = room.add(member(bob, carol, 'ban'), { prevs: opened })
      const unban = room.add(member(bob, carol, 'leave'), { prevs: [ban] })
      const topic = room.add(setTopic(dave, 'elsewhere'), { prevs: opened })

      assert.equal(room.entry([unban, topic], 'm.room.member', carol), unban)
      assert.equal(room.entry([unban, topic], 'm.room.topic'), topic)
    })
  })
}
