import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import { mayTakePart } from '#services/federation/may-take-part.ts'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import { alice, bob, openScene, type Scene } from '../../../../support/generators/scene.ts'
import { member, message, state } from '../../../../support/generators/acts.ts'

const acl = (content: JsonObject) => state(alice, 'm.room.server_acl', content)

/** Whether an event of bob is taken from this server. */
async function isTaken(scene: Scene, origin: string): Promise<boolean> {
  const { eventId, outcome } = await scene.receive(scene.make(message(bob, origin)), origin)
  assert.deepEqual([outcome, eventId === undefined], outcome === 'accepted' ? ['accepted', false] : ['dropped', true])
  return outcome === 'accepted'
}

const isAllowed = async ({ server: { ctx, line }, room }: Scene, origin: string): Promise<boolean> =>
  mayTakePart(ctx, await line(room.roomId), origin)

const addresses = ['1.2.3.4', '1.2.3.4:8448', '[::1]', '[1234:5678::abcd]:5678']

type Row = [it: string, content: JsonObject | undefined, taken: string[], refused: string[]]
const rows: Row[] = [
  ['lets everybody in where there is none', undefined, ['evil.com', 's9.test:80', ...addresses], []],
  ['lets in nothing that is no server name', { allow: ['*'] }, ['s9.test'], ['', 'no server', 'a/b', 's9.test:1:2']],
  [
    'refuses by name, whatever the port',
    { allow_ip_literals: false, allow: ['*'], deny: ['*.evil.com', 'evil.com'] },
    ['s0.test', 'notevil.com', 'evil.com.example'],
    ['evil.com', 'evil.com:8448', 'www.evil.com', 'EVIL.com', ...addresses],
  ],
  [
    'lets in by name, whatever the port',
    { allow: ['s0.test', '*.Good.example', 'a?.example'] },
    ['s0.test', 's0.test:1', 'www.good.EXAMPLE', 'ab.example'],
    ['good.example', 'a.example', 'abc.example', 's1.test', ...addresses],
  ],
  ['refuses before it lets in', { allow: ['*', 's0.test'], deny: ['s?.test'] }, ['s10.test'], ['s0.test', 's1.test']],
  ['lets nobody in where it says nothing', {}, [], ['s0.test', 's1.test', 'test', ...addresses]],
  ['lets nobody in by a list that is none', { allow: '*', deny: [] }, [], ['s0.test', ...addresses]],
  ['leaves out what is no text', { allow: [7, null, '*'], deny: [{}, 'evil.com'] }, ['s0.test'], ['evil.com']],
  ['refuses nobody by a list that is none', { allow: ['*'], deny: 'evil.com' }, ['evil.com'], []],
  ['lets addresses in unless it says false', { allow: ['*'], allow_ip_literals: 'false' }, addresses, []],
  [
    'refuses addresses like names',
    { allow: ['*'], deny: ['1.2.3.4', '[::1]'] },
    [addresses[3]!],
    addresses.slice(0, 3),
  ],
]

describe('T36 the server ACL of a room', function () {
  this.timeout(20_000)

  for (const [name, content, taken, refused] of rows)
    it(name, async () => {
      await using scene = await openScene()
      if (content) await scene.send(acl(content))
      for (const origin of taken) assert.equal(await isAllowed(scene, origin), true, origin)
      for (const origin of refused) assert.equal(await isAllowed(scene, origin), false, origin)
    })

  for (const version of ['1', '12'])
    it(`T35 is about who sends and about whose event it is, in version ${version}`, async () => {
      await using scene = await openScene(version)
      await scene.send(acl({ allow: ['*'], deny: ['s2.test'] }))
      assert.equal(await isTaken(scene, 's2.test'), false)
      assert.equal(await isTaken(scene, 's0.test'), true)
      await scene.send(acl({ allow: ['*'], deny: ['s1.test'] }))
      assert.equal(await isTaken(scene, 's0.test'), false)
    })

  it('is the one of the present state', async () => {
    await using scene = await openScene()
    const before = scene.forwardExtremity
    await scene.send(acl({ allow: ['*'], deny: ['s1.test'] }))
    await scene.send(acl({ allow: ['*'] }))
    assert.equal(await isTaken(scene, 's1.test'), true)
    await scene.send(acl({ allow: ['*'], deny: ['s1.test'] }))
    const old = scene.make(message(bob, 'old'), { prevs: [before] })
    assert.equal((await scene.receive(old)).outcome, 'dropped')
    await scene.send(acl({ allow: ['*'] }))
    assert.equal((await scene.receive(old)).outcome, 'accepted')
  })

  it('is one that the rules accepted', async () => {
    await using scene = await openScene()
    const forged = await scene.send({ ...acl({ allow: [] }), sender: bob })
    assert.equal(forged.outcome, 'rejected')
    await scene.send(member(alice, bob, 'ban'))
    assert.equal((await scene.receive(scene.make(message(alice)))).outcome, 'accepted')
  })

  it('is kept by a process that has just started', async () => {
    await using scene = await openScene()
    await scene.send(acl({ allow: ['*'], deny: ['s3.test'] }))
    const { ctx } = scene.server
    ctx.rooms = new LiveRooms(ctx.store, 'test')
    assert.deepEqual([await isTaken(scene, 's3.test'), await isTaken(scene, 's2.test')], [false, true])
  })

  it('T37 is read once however large it is, and knows whom it judged', async () => {
    await using scene = await openScene()
    const deny = Array.from({ length: 500 }, (_, index) => `*${'a*?'.repeat(35)}${index}`)
    const { outcome } = await scene.send(acl({ allow: ['*'], deny }))
    assert.equal(outcome, 'accepted')
    const { ctx, line } = scene.server
    const room = await line(scene.room.roomId)
    const long = `${'a'.repeat(200)}.test`
    await mayTakePart(ctx, room, long)
    const started = performance.now()
    for (let times = 0; times < 2000; times++) assert.equal(await mayTakePart(ctx, room, long), true)
    assert.ok(performance.now() - started < 500, `${performance.now() - started} ms`)
  })
})
