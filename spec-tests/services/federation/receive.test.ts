import assert from 'node:assert/strict'
import type { JsonValue, Pdu } from '#protocol/event.ts'
import { receiveEvents } from '#services/federation/receive/receive-event.ts'
import { answeringFrom, silent } from '../../support/receiving.ts'
import { alice, bob, carol, member, message, only, openScene, state } from '../../support/scene.ts'

describe('receiving events', function () {
  this.timeout(20_000)

  it('T02 takes in 49 of 50 events when one is malformed, and says so of each', async () => {
    await using scene = await openScene()
    const pdus: unknown[] = []
    for (let index = 0; index < 49; index++) {
      const { id, pdu } = scene.add(message(bob, `${index}`))
      scene.head = id
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
    const stored = await scene.server.ctx.store.events.find(id)
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
    assert.equal(await scene.holder('m.room.topic'), topic.id)
    assert.equal(await scene.status(forged.id), 'rejected')

    const past = new Map(scene.room.replay.stateBefore([topic.id])).set('m.room.power_levels\0', levels.id)
    assert.equal(
      (await scene.send(state(bob, 'm.room.name', { name: 'bob' }), { authState: past })).outcome,
      'rejected',
    )
    assert.equal(await scene.holder('m.room.name'), fork.id)
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
    assert.equal(await scene.holder('m.room.member', carol), undefined)

    scene.answer(answeringFrom(scene.room.replay))
    assert.equal((await scene.receive(child.pdu)).outcome, 'accepted')
    assert.deepEqual(await scene.timeline(), [...before, gap.id, join.id, child.id])
    assert.equal(await scene.holder('m.room.member', carol), join.id)
  })

  it('takes the state that another server tells where the past cannot be had, and resolves it with its own', async () => {
    await using scene = await openScene()
    const lost = scene.add(message(alice))
    const topic = scene.add(state(alice, 'm.room.topic', { topic: 'seen' }), { prevs: [lost.id] })
    const child = scene.add(message(bob), { prevs: [topic.id] })
    const told = [...scene.room.replay.stateBefore([topic.id]).values()]
    scene.answer({
      ...silent,
      fetchEvents: async (_source, ids) => (ids.includes(topic.id) ? [topic.pdu as unknown as JsonValue] : []),
      fetchStateIds: async () => ({ state: told, authChain: told }),
    })
    assert.equal((await scene.receive(child.pdu)).outcome, 'accepted')
    assert.equal(await scene.holder('m.room.topic'), topic.id)
    assert.ok(await scene.holder('m.room.create'))
  })

  it('T18 leaves out what rests on a forged, missing or circular chain, and keeps nothing of it', async () => {
    await using scene = await openScene('1')
    const users = { [alice]: 100, [bob]: 50 }
    const levels = scene.add(state(alice, 'm.room.power_levels', { users }))
    const name = scene.add(state(bob, 'm.room.name', { name: 'mine' }), { prevs: [levels.id] })
    scene.answer(only({ ...levels.pdu, signatures: {} }))
    assert.equal((await scene.receive(name.pdu)).outcome, 'unresolved')
    scene.answer(silent)
    assert.equal((await scene.receive(name.pdu)).outcome, 'unresolved')
    assert.equal(await scene.status(name.id), undefined)

    const circle = ['$one:s1.test', '$two:s1.test'] as const
    const inCircle = circle.map((id, index) => {
      const { signatures: _signatures, hashes: _hashes, ...draft } = scene.make(message(bob))
      return { ...draft, event_id: id, auth_events: [[circle[1 - index]!, { sha256: 'x' }]] } as unknown as Pdu
    })
    scene.answer(only(...inCircle))
    assert.notEqual((await scene.receive(inCircle[0])).outcome, 'accepted')
  })

  it('T18 rejects an event that cites two events for one place', async () => {
    await using scene = await openScene('6')
    const other = await scene.send(state(alice, 'm.room.power_levels', { users: { [alice]: 100 }, ban: 60 }))
    const first = scene.room.holder([scene.room.order[2]!], 'm.room.power_levels')!
    const room = scene.room
    const original = room.replay.authEventsFor.bind(room.replay)
    room.replay.authEventsFor = (draft, before) => [...original(draft, before), first]
    assert.equal((await scene.send(message(bob), { prevs: [other.id] })).outcome, 'rejected')
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

  it('T19 hides what was allowed at its place and is not any more, and lets others build on it', async () => {
    await using scene = await openScene()
    const { head } = scene
    const ban = await scene.send(member(alice, bob, 'ban'))
    const late = await scene.send(message(bob, 'late'), { prevs: [head] })
    assert.deepEqual([ban.outcome, late.outcome], ['accepted', 'soft-failed'])
    assert.ok(!(await scene.timeline()).includes(late.id))
    assert.deepEqual((await scene.server.line(scene.room.roomId)).heads, [ban.id])

    const next = await scene.send(message(alice), { prevs: [ban.id, late.id] })
    assert.equal(next.outcome, 'accepted')
    assert.equal(await scene.holder('m.room.member', bob), ban.id)
    assert.deepEqual((await scene.server.line(scene.room.roomId)).heads, [next.id])
  })

  it('T21 keeps no chain with a hole: when the ancestor arrives, the descendant is judged anew', async () => {
    await using scene = await openScene()
    const first = scene.add(state(alice, 'm.room.power_levels', { users: { [alice]: 100, [bob]: 50 } }))
    const second = scene.add(state(bob, 'm.room.name', { name: 'allowed' }), { prevs: [first.id] })
    assert.equal((await scene.receive(second.pdu)).outcome, 'unresolved')
    assert.equal((await scene.receive(first.pdu)).outcome, 'accepted')
    assert.equal((await scene.receive(second.pdu)).outcome, 'accepted')
    assert.equal(await scene.holder('m.room.name'), second.id)
  })

  it('never keeps more heads than an event can follow, and lets no flood of forks push out an honest one', async () => {
    await using scene = await openScene()
    const { head } = scene
    const ban = await scene.send(member(alice, carol, 'ban'))
    for (let index = 0; index < 25; index++) await scene.send(message(bob, `${index}`), { prevs: [head] })
    const line = await scene.server.line(scene.room.roomId)
    assert.equal(line.heads.length, 20)
    assert.ok(line.heads.includes(ban.id))
    assert.equal(await scene.holder('m.room.member', carol), ban.id)
  })
})
