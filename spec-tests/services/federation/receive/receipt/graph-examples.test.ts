import assert from 'node:assert/strict'
import { prevEventIds } from '#protocol/events/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { appendEvent } from '#services/rooms/write/append.ts'
import { storedPdu } from '#services/rooms/events/stored-pdu.ts'
import { alice, bob, openScenes, type Scene } from '../../../../support/generators/scene.ts'
import { member, message, state } from '../../../../support/generators/acts.ts'
import { type Place, startOfTime } from '../../../../support/generators/test-room.ts'

const us: UserId = '@us:test'

/** The events that the next one of this server follows. */
async function nextFollows(scene: Scene): Promise<Set<EventId>> {
  const { ctx } = scene.server
  const { roomId, version } = scene.room
  const appended = await appendEvent(ctx, roomId, { type: 'm.room.message', sender: us, content: { body: 'next' } })
  const stored = await ctx.store.rooms.events.find(appended.eventId)
  return new Set(prevEventIds(storedPdu(stored!, await scene.server.line(roomId)), version))
}

/** Rooms of all versions with a user of this server, in which everybody may set the topic and the name. */
async function openAll(): Promise<Scene[] & AsyncDisposable> {
  const levels = { events: { 'm.room.topic': 0, 'm.room.name': 0 } }
  const versions = roomVersions.map(({ id }) => id)
  const scenes = await openScenes(versions, { levels })
  for (const scene of scenes) await accept(scene, member(us, us, 'join'))
  return scenes
}

async function accept(scene: Scene, act: Parameters<Scene['send']>[0], place: Partial<Place> = {}): Promise<EventId> {
  const { id, outcome, reason } = await scene.send(act, place)
  assert.equal(outcome, 'accepted', reason)
  return id
}

describe('the graphs that the specification draws', function () {
  this.timeout(20_000)

  it('let the next event follow E4 and E6', async () => {
    await using scenes = await openAll()
    for (const scene of scenes) {
      const after = (name: string, prev: EventId) => accept(scene, message(bob, name), { prevs: [prev] })
      const e1 = await after('E1', scene.forwardExtremity)
      const e2 = await after('E2', e1)
      const e3 = await after('E3', e2)
      const e4 = await after('E4', e3)
      const e5 = await after('E5', e2)
      const e6 = await after('E6', e5)
      assert.deepEqual(await nextFollows(scene), new Set([e4, e6]), `version ${scene.room.version.id}`)
    }
  })

  for (const [later, nameInVersion1, nameSince] of [
    ['E3', 'E3', 'E3'],
    ['E4', 'E3', 'E4'],
  ] as const)
    it(`let the room have one of two names after E5, when ${later} is the later one`, async () => {
      await using scenes = await openAll()
      for (const scene of scenes) {
        const at = (name: string) => startOfTime + 1_000_000 + (name === later ? 1000 : 0)
        const named = (name: string, prev: EventId) =>
          accept(scene, state(bob, 'm.room.name', { name }), { prevs: [prev], sentAt: at(name) })
        const e0 = await accept(scene, message(bob, 'E0'))
        const e1 = await accept(scene, message(bob, 'E1'), { prevs: [e0] })
        const e2 = await accept(scene, message(bob, 'E2'), { prevs: [e1] })
        const e3 = await named('E3', e2)
        const e4 = await named('E4', e1)
        await accept(scene, message(alice, 'E5'), { prevs: [e3, e4] })
        // Version 1 goes by depth, and the others by power levels and then by time.
        const { id } = scene.room.version
        const name = { E3: e3, E4: e4 }[id === '1' ? nameInVersion1 : nameSince]
        assert.equal(await scene.entry('m.room.name'), name, `version ${id}`)
      }
    })

  it('T19 soft-fail what evades a ban: nothing here follows it, and others may', async () => {
    await using scenes = await openAll()
    for (const scene of scenes) {
      const { id: version } = scene.room.version
      const a = await accept(scene, message(alice, 'A'))
      const b = await accept(scene, member(alice, bob, 'ban'), { prevs: [a] })
      const c = await scene.send(state(bob, 'm.room.topic', { topic: 'C' }), { prevs: [a] })
      assert.equal(c.outcome, 'soft-failed')
      assert.equal((await scene.timeline()).includes(c.id), false)
      assert.equal(await scene.entry('m.room.topic'), undefined)
      // D' of this server
      assert.deepEqual(await nextFollows(scene), new Set([b]), `version ${version}`)
      // D of a server that received C before B
      const d = await accept(scene, message(alice, 'D'), { prevs: [b, c.id] })
      assert.equal((await scene.timeline()).includes(d), true)
      assert.equal(await scene.entry('m.room.topic'), version === '1' ? c.id : undefined, `version ${version}`)
    }
  })
})
