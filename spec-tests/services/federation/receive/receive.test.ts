import assert from 'node:assert/strict'
import type { EventReference, JsonValue, Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import type { MissingEvents } from '#services/federation/receive/ports.ts'
import { receiveEvents } from '#services/federation/receive/receive-event.ts'
import { silent } from '../../../support/federation/receive-needs.ts'
import { answeringFrom } from '../../../support/federation/receiving.ts'
import { alice, bob, carol, only, openScene, openScenes, type Scene } from '../../../support/generators/scene.ts'
import { member, message, state } from '../../../support/generators/acts.ts'

const isNew = (reference: unknown, index: number, all: readonly unknown[]) =>
  all.findIndex((other) => JSON.stringify(other) === JSON.stringify(reference)) === index

describe('receiving events', function () {
  this.timeout(20_000)

  it('T02 takes in 49 of 50 events when one is malformed, and says so of each', async () => {
    await using scene = await openScene()
    const pdus: unknown[] = []
    for (let index = 0; index < 49; index++) {
      const { id, pdu } = scene.add(message(bob, `${index}`))
      scene.forwardExtremity = id
      pdus.push(pdu)
    }
    pdus.splice(20, 0, { type: 'm.room.message', content: 'none' })
    const incoming = pdus.map((pdu) => ({ origin: 's1.test', roomId: scene.room.roomId, pdu: pdu as JsonValue }))
    const outcomes = (await receiveEvents(scene.server.ctx, incoming)).map(({ outcome }) => outcome)
    assert.deepEqual(
      outcomes,
      Array.from({ length: 50 }, (_, index) => (index === 20 ? 'dropped' : 'accepted')),
    )
  })

  for (const [version, outcome] of [
    ['6', 'accepted'],
    ['9', 'accepted'],
    ['10', 'rejected'],
    ['12', 'rejected'],
  ] as const)
    it(`T10 judges by the room's own version: power levels that are strings are ${outcome} in version ${version}`, async () => {
      await using scene = await openScene(version)
      const users = { ...(version === '12' ? {} : { [alice]: 100 }), [bob]: '50' }
      const { pdu, outcome: actual } = await scene.send(state(alice, 'm.room.power_levels', { users }))
      assert.equal(actual, outcome)
      assert.equal((await scene.receive({ ...pdu, room_version: '9' })).outcome, 'known')
    })

  it('drops what is not signed by the sender, and what is of another room', async () => {
    await using scene = await openScene()
    const pdu = scene.make(message(bob))
    assert.equal((await scene.receive({ ...pdu, signatures: {} })).outcome, 'dropped')
    assert.equal((await scene.receive({ ...pdu, room_id: '!another:s0.test' })).outcome, 'dropped')
    assert.equal((await scene.receive(pdu)).outcome, 'accepted')
  })

  it('redacts an event whose hash does not fit', async () => {
    await using scene = await openScene()
    const { id, pdu } = scene.add(message(bob))
    assert.equal((await scene.receive({ ...pdu, content: { body: 'forged' } })).outcome, 'accepted')
    const stored = await scene.server.ctx.store.rooms.events.find(id)
    assert.deepEqual((JSON.parse(stored!.clientJson) as Pdu).content, {})
  })

  it('T13 keeps rejected events for the graph, and never lets them into the state', async () => {
    await using scene = await openScene()
    const topic = await scene.send(state(alice, 'm.room.topic', { topic: 'true' }))
    const levels = await scene.send(state(bob, 'm.room.power_levels', { users: { [bob]: 100 } }))
    const forged = await scene.send(state(bob, 'm.room.topic', { topic: 'forged' }), { prevs: [levels.id] })
    assert.deepEqual([levels.outcome, forged.outcome], ['rejected', 'rejected'])

    const followed = await scene.send(message(alice), { prevs: [forged.id, topic.id] })
    const fork = await scene.send(state(alice, 'm.room.name', { name: 'fork' }), { prevs: [topic.id] })
    assert.deepEqual([followed.outcome, fork.outcome], ['accepted', 'accepted'])
    const met = await scene.send(message(alice), { prevs: [followed.id, fork.id, forged.id] })
    assert.equal(met.outcome, 'accepted')
    assert.equal(await scene.entry('m.room.topic'), topic.id)
    assert.equal(await scene.status(forged.id), 'rejected')

    const past = new Map(scene.room.replay.stateBefore([topic.id])).set('m.room.power_levels\0', levels.id)
    assert.equal(
      (await scene.send(state(bob, 'm.room.name', { name: 'bob' }), { authState: past })).outcome,
      'rejected',
    )
    assert.equal(await scene.entry('m.room.name'), fork.id)
  })

  it('T16 accepts nothing on a parent without a place, until the gap is filled', async () => {
    await using scene = await openScene()
    const gap = scene.add(message(alice))
    const join = scene.add(member(carol, carol, 'join'), { prevs: [gap.id] })
    const child = scene.add(message(carol), { prevs: [join.id] })
    scene.answer(only(join.pdu))
    const before = await scene.timeline()

    assert.equal((await scene.receive(child.pdu)).outcome, 'unresolved')
    assert.equal(await scene.status(join.id), 'outlier')
    assert.deepEqual(await scene.timeline(), before)
    assert.equal(await scene.entry('m.room.member', carol), undefined)

    scene.answer(answeringFrom(scene.room.replay))
    assert.equal((await scene.receive(child.pdu)).outcome, 'accepted')
    assert.deepEqual(await scene.timeline(), [...before, gap.id, join.id, child.id])
    assert.equal(await scene.entry('m.room.member', carol), join.id)
  })

  it('takes the state that another server tells where the past cannot be had, and resolves it with its own', async () => {
    await using scene = await openScene()
    const lost = scene.add(message(alice))
    const topic = scene.add(state(alice, 'm.room.topic', { topic: 'seen' }), { prevs: [lost.id] })
    const child = scene.add(message(bob), { prevs: [topic.id] })
    const told = [...scene.room.replay.stateBefore([topic.id]).values()]
    scene.answer({
      ...silent,
      fetchMissing: async () => [topic.pdu as unknown as JsonValue],
      fetchStateIds: async () => ({ state: told, authChain: told }),
    })
    assert.equal((await scene.receive(child.pdu)).outcome, 'accepted')
    assert.equal(await scene.entry('m.room.topic'), topic.id)
    assert.ok(await scene.entry('m.room.create'))
  })

  it('asks for nothing more where the server that sent an event does not give what lies right before it', async () => {
    await using scene = await openScene()
    const lost = scene.add(message(alice))
    const child = scene.add(message(bob), { prevs: [lost.id] })
    const float = { ...lost.pdu, content: { body: 1.5 } }
    const asked: string[] = []
    scene.answer({
      ...silent,
      fetchEvents: async () => (asked.push('events'), []),
      fetchMissing: async () => (asked.push('missing'), [float]),
      fetchStateIds: async () => (asked.push('state'), undefined),
    })
    assert.equal((await scene.receive(child.pdu)).outcome, 'unresolved')
    assert.deepEqual(asked, ['missing'])
    assert.equal(await scene.status(child.id), undefined)
  })

  it('asks for the state after the event that is lost, and for that event, which may be state', async () => {
    await using scene = await openScene()
    const { replay } = scene.room
    const lost = scene.add(message(alice))
    const topic = scene.add(state(alice, 'm.room.topic', { topic: 'seen' }), { prevs: [lost.id] })
    const edge = scene.add(message(bob), { prevs: [topic.id] })
    const child = scene.add(message(bob), { prevs: [edge.id] })
    const asked: EventId[] = []
    scene.answer({
      ...silent,
      fetchEvents: async (_source, ids) => (ids.includes(topic.id) ? [topic.pdu as unknown as JsonValue] : []),
      fetchMissing: async () => [edge.pdu as unknown as JsonValue],
      fetchStateIds: async (_source, id) => {
        asked.push(id)
        return { state: [...replay.stateBefore([lost.id]).values()], authChain: [] }
      },
    })
    assert.equal((await scene.receive(child.pdu)).outcome, 'accepted')
    assert.deepEqual(asked, [topic.id])
    assert.equal(await scene.entry('m.room.topic'), topic.id)
    assert.deepEqual((await scene.timeline()).slice(-2), [edge.id, child.id])
  })

  it('fetches the state as a whole where much of it is missing, and events one by one where few are', async () => {
    for (const [count, isWhole] of [
      [15, false],
      [30, true],
    ] as const) {
      await using scene = await openScene()
      const { replay } = scene.room
      for (let index = 0; index < count; index++)
        scene.forwardExtremity = scene.add(state(alice, 'org.example', {}, `${index}`)).id
      const lost = scene.forwardExtremity
      const edge = scene.add(message(bob))
      const child = scene.add(message(bob), { prevs: [edge.id] })
      const before = [...replay.stateBefore([lost]).values()]
      const asked: string[] = []
      scene.answer({
        fetchMissing: async () => [edge.pdu as unknown as JsonValue],
        fetchStateIds: async () => ({ state: before, authChain: [] }),
        fetchState: async () => (asked.push('state'), before.map((id) => scene.room.json(id))),
        fetchEvents: async (_source, ids) => ids.map((id) => (asked.push(id), scene.room.json(id))),
      })
      assert.equal((await scene.receive(child.pdu)).outcome, 'accepted')
      assert.deepEqual([asked.includes('state'), asked.length], isWhole ? [true, 1] : [false, count])
      for (const key of ['0', `${count - 1}`]) assert.ok(await scene.entry('org.example', key))
    }
  })

  it('walks back for as long as the answers are long, and no further than so often', async () => {
    await using scene = await openScene()
    const { replay, order } = scene.room
    const known = order.length
    for (let count = 0; count < 150; count++) scene.forwardExtremity = scene.add(message(alice, `${count}`)).id
    const walks: EventId[][] = []
    const tenBefore =
      (cut: number): MissingEvents['fetchMissing'] =>
      async (_source, { latest }) => {
        walks.push([...latest])
        const end = order.indexOf(latest[0]!)
        return order.slice(end - cut, end).map((id) => scene.room.json(id))
      }
    const told = async (_source: unknown, id: EventId) => ({
      state: [...replay.stateBefore([id]).values()],
      authChain: [],
    })
    const one = async (_source: unknown, ids: readonly EventId[]) => ids.map((id) => scene.room.json(id))
    scene.answer({ ...silent, fetchEvents: one, fetchMissing: tenBefore(9), fetchStateIds: told })
    assert.equal((await scene.receive(scene.room.json(order[known + 49]!))).outcome, 'accepted')
    assert.deepEqual(walks, [[order[known + 49]]])
    walks.length = 0
    scene.answer({ ...silent, fetchEvents: one, fetchMissing: tenBefore(10), fetchStateIds: told })
    assert.equal((await scene.receive(scene.room.json(order.at(-1)!))).outcome, 'accepted')
    assert.equal(walks.length, 10)
    assert.deepEqual((await scene.timeline()).slice(-101), order.slice(-101))
  })

  const everyVersion = roomVersions.map(({ id }) => id)
  const levels = (scene: Scene, bobs: number) =>
    state(alice, 'm.room.power_levels', scene.room.levels({ users: { [bob]: bobs } }))
  /** The state in which other power levels hold. */
  const under = (scene: Scene, id: EventId) =>
    new Map(scene.room.replay.stateBefore([scene.forwardExtremity])).set(stateKey('m.room.power_levels', ''), id)
  const named = (name: string) => state(bob, 'm.room.name', { name })

  const forgeries: [it: string, forge: (scene: Scene, pdu: Pdu) => Pdu | undefined][] = [
    ['unsigned', (_, pdu) => ({ ...pdu, signatures: {} })],
    ['signed by another', (_, pdu) => ({ ...pdu, signatures: { 's1.test': pdu.signatures['s0.test']! } })],
    ['forged', (_, pdu) => ({ ...pdu, origin_server_ts: pdu.origin_server_ts + 1 })],
    ['missing', () => undefined],
  ]
  for (const [what, forge] of forgeries)
    it(`T18 leaves out what rests on a chain whose middle is ${what}, until it is there`, async () => {
      await using scenes = await openScenes(everyVersion)
      for (const scene of scenes) {
        const before = await scene.entry('m.room.power_levels')
        const chain = [50, 60, 70].map((bobs) => {
          const link = scene.add(levels(scene, bobs))
          scene.forwardExtremity = link.id
          return link
        })
        const name = scene.add(named('mine'))
        const [first, middle, last] = chain.map(({ pdu }) => pdu)
        scene.answer(only(...[first, forge(scene, middle!), last].filter((pdu) => pdu !== undefined)))
        assert.equal((await scene.receive(name.pdu)).outcome, 'unresolved')
        assert.equal(await scene.status(name.id), undefined)
        assert.equal(await scene.status(chain[1]!.id), undefined)
        assert.equal(await scene.status(chain[2]!.id), undefined)
        assert.equal(await scene.entry('m.room.name'), undefined)
        assert.notEqual(await scene.entry('m.room.power_levels'), chain[2]!.id)

        scene.answer(only(first!, middle!, last!))
        assert.equal((await scene.receive(name.pdu)).outcome, 'accepted', `version ${scene.room.version.id}`)
        assert.equal(await scene.entry('m.room.name'), name.id)
        assert.notEqual(await scene.entry('m.room.power_levels'), before)
      }
    })

  it('T18 rejects what rests on what the rules refuse, link by link', async () => {
    await using scenes = await openScenes(everyVersion)
    for (const scene of scenes) {
      const allowed = scene.add(levels(scene, 50))
      scene.forwardExtremity = allowed.id
      const seized = scene.add({ ...levels(scene, 100), sender: bob })
      const built = scene.add(levels(scene, 100), { authState: under(scene, seized.id) })
      const name = scene.add(named('seized'), { authState: under(scene, built.id) })
      scene.answer(only(allowed.pdu, seized.pdu, built.pdu))
      assert.equal((await scene.receive(name.pdu)).outcome, 'rejected', `version ${scene.room.version.id}`)
      for (const { id } of [seized, built, name]) assert.equal(await scene.status(id), 'rejected')
      assert.equal(await scene.entry('m.room.power_levels'), allowed.id)
      assert.equal(await scene.entry('m.room.name'), undefined)
    }
  })

  it('T18 rejects what cites two events for one place, and what rests on that', async () => {
    await using scenes = await openScenes(everyVersion)
    for (const scene of scenes) {
      const first = await scene.entry('m.room.power_levels')
      const second = await scene.send(levels(scene, 50))
      const cited = scene.make(message(bob), { authState: under(scene, first!) })
      const twice = (pdu: Pdu) =>
        scene.remade(pdu, {
          auth_events: [...pdu.auth_events, ...cited.auth_events].filter(isNew) as Pdu['auth_events'],
        })
      const own = await scene.receive(twice(scene.make(message(bob, 'twice'))))
      assert.equal(own.outcome, 'rejected', `version ${scene.room.version.id}`)

      const chained = twice(scene.make(levels(scene, 60)))
      const id = scene.room.take(chained)
      const name = scene.make(named('x'), { authState: under(scene, id) })
      scene.answer(only(chained))
      assert.equal((await scene.receive(name)).outcome, 'rejected', `version ${scene.room.version.id}`)
      assert.equal(await scene.status(id), 'rejected')
      assert.equal(await scene.entry('m.room.power_levels'), second.id)
    }
  })

  const circles = ['1', '2'].flatMap((version) =>
    (['auth_events', 'prev_events'] as const).flatMap((edge) => [1, 2, 3].map((length) => ({ version, edge, length }))),
  )
  for (const { version, edge, length } of circles)
    it(`T18 leaves out what rests on a circle of ${length} in ${edge}, all signed, in version ${version}`, async () => {
      await using scene = await openScene(version)
      const replaced = edge === 'prev_events' ? scene.forwardExtremity : (await scene.entry('m.room.power_levels'))!
      const before = await scene.timeline()
      const ids = Array.from({ length }, (_, index): EventId => `$circle${index}:s0.test`)
      const citing = (pdu: Pdu, id: EventId) => {
        const others = (pdu[edge] as EventReference[]).filter(([cited]) => cited !== replaced)
        return scene.remade(pdu, { [edge]: [...others, [id, { sha256: 'x' }]] })
      }
      const circle = ids.map((event_id, index) =>
        citing(scene.make({ ...levels(scene, 50 + index), event_id }), ids[(index + 1) % length]!),
      )
      const child = citing(scene.make(message(alice)), ids[0]!)
      scene.answer(only(...circle))
      for (const pdu of [child, ...circle, child]) assert.equal((await scene.receive(pdu)).outcome, 'unresolved')
      assert.deepEqual(await scene.timeline(), before)
      assert.equal((await scene.receive(scene.make(message(bob)))).outcome, 'accepted')
    })

  it('T18 gives one place to an event that arrives several times at once', async () => {
    await using scene = await openScene()
    const join = scene.add(member(carol, carol, 'join'))
    const child = scene.add(message(carol), { prevs: [join.id] })
    scene.answer(answeringFrom(scene.room.replay))
    const receipts = await Promise.all([child, child, join, child].map(({ pdu }) => scene.receive(pdu)))
    assert.equal(receipts.filter(({ outcome }) => outcome === 'accepted').length >= 1, true)
    assert.deepEqual((await scene.timeline()).slice(-2), [join.id, child.id])
  })

  it('T18 comes to the same however forged and true chains race', async () => {
    await using scenes = await openScenes(everyVersion)
    for (const scene of scenes) {
      const before = await scene.timeline()
      const chain = [50, 60, 70].map((bobs) => {
        const link = scene.add(levels(scene, bobs))
        scene.forwardExtremity = link.id
        return link
      })
      const name = scene.add(named('mine'))
      const pdus = chain.map(({ pdu }) => pdu)
      const answers = [pdus.map((pdu) => ({ ...pdu, signatures: {} })), pdus].map((events) => only(...events))
      let asked = 0
      scene.answer({ ...silent, fetchMissing: (...question) => answers[asked++ % 2]!.fetchMissing(...question) })
      await Promise.all([name.pdu, pdus[2], name.pdu, pdus[1], name.pdu, pdus[0]].map((pdu) => scene.receive(pdu)))
      scene.answer(only(...pdus))
      assert.match((await scene.receive(name.pdu)).outcome, /^(accepted|known)$/)
      assert.deepEqual(await scene.timeline(), [...before, ...chain.map(({ id }) => id), name.id])
      assert.equal(await scene.entry('m.room.power_levels'), chain[2]!.id)
      assert.equal(await scene.entry('m.room.name'), name.id)
    }
  })

  it('T19 hides what was allowed at its place and is not any more, and lets others build on it', async () => {
    await using scene = await openScene()
    const { forwardExtremity } = scene
    const ban = await scene.send(member(alice, bob, 'ban'))
    const late = await scene.send(message(bob, 'late'), { prevs: [forwardExtremity] })
    assert.deepEqual([ban.outcome, late.outcome], ['accepted', 'soft-failed'])
    assert.ok(!(await scene.timeline()).includes(late.id))
    assert.deepEqual((await scene.server.line(scene.room.roomId)).forwardExtremities, [ban.id])

    const next = await scene.send(message(alice), { prevs: [ban.id, late.id] })
    assert.equal(next.outcome, 'accepted')
    assert.equal(await scene.entry('m.room.member', bob), ban.id)
    assert.deepEqual((await scene.server.line(scene.room.roomId)).forwardExtremities, [next.id])
  })

  it('T21 keeps no chain with a hole: when the ancestor arrives, the descendant is judged anew', async () => {
    await using scene = await openScene()
    const first = scene.add(state(alice, 'm.room.power_levels', { users: { [alice]: 100, [bob]: 50 } }))
    const second = scene.add(state(bob, 'm.room.name', { name: 'allowed' }), { prevs: [first.id] })
    assert.equal((await scene.receive(second.pdu)).outcome, 'unresolved')
    assert.equal((await scene.receive(first.pdu)).outcome, 'accepted')
    assert.equal((await scene.receive(second.pdu)).outcome, 'accepted')
    assert.equal(await scene.entry('m.room.name'), second.id)
  })

  it('never keeps more heads than an event can follow, and lets no flood of forks push out an honest one', async () => {
    await using scene = await openScene()
    const { forwardExtremity } = scene
    const ban = await scene.send(member(alice, carol, 'ban'))
    for (let index = 0; index < 25; index++) await scene.send(message(bob, `${index}`), { prevs: [forwardExtremity] })
    const room = await scene.server.line(scene.room.roomId)
    assert.equal(room.forwardExtremities.length, 20)
    assert.ok(room.forwardExtremities.includes(ban.id))
    assert.equal(await scene.entry('m.room.member', carol), ban.id)
  })
})
