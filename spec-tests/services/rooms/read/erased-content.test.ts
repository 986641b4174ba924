import assert from 'node:assert/strict'
import { accountErased } from '#bus/topics.ts'
import { accepted, testPassword, type TestUser } from '../../../support/server/client.ts'
import { startRestartableServer } from '../../../support/server/restartable-server.ts'
import { registerUser } from '../../../support/server/client.ts'
import { startTestServer } from '../../../support/server/server.ts'
import { joined, sync, type SyncEvent } from '../../../support/server/sync.ts'
import { readAllMessages, readRoom, readRoomV1 } from '../../../support/rooms/room-reads.ts'
import { act, createRoom, join, leave, putState, redact, sendRelated, sendText } from '../../../support/rooms/rooms.ts'

const client = '/_matrix/client/v3'

async function deactivate(user: TestUser, { erase }: { erase: boolean }): Promise<void> {
  const auth = {
    type: 'm.login.password',
    password: testPassword,
    identifier: { type: 'm.id.user', user: user.userId },
  }
  const asked = await user.request('POST', `${client}/account/deactivate`, { erase })
  const body = { erase, auth: { ...auth, session: asked.body.session } }
  accepted(await user.request('POST', `${client}/account/deactivate`, body))
}

const rename = (user: TestUser, displayname: string) =>
  user.request('PUT', `${client}/profile/${user.userId}/displayname`, { displayname })

type Relations = { 'm.thread'?: { latest_event: SyncEvent; count: number }; 'm.replace'?: SyncEvent }

const relationsOf = ({ unsigned }: SyncEvent) => (unsigned?.['m.relations'] ?? {}) as Relations

for (const version of ['10', '12'])
  describe(`events of an erased user in a room of version ${version}`, () => {
    /** Alice says, edits and answers; Bob hears it, Carol comes later. */
    async function spoken(erase: boolean) {
      const server = await startTestServer()
      const [alice, bob, carol] = [
        await server.register('alice'),
        await server.register('bob'),
        await server.register('carol'),
      ]
      accepted(await rename(alice, 'Alice Real-Name'))
      const roomId = await createRoom(bob, { preset: 'public_chat', room_version: version })
      accepted(await join(alice, roomId))
      const levels = accepted(await readRoom(bob, [roomId, 'state', 'm.room.power_levels', '']))
      const users = { ...levels.users, [alice.userId]: 50 }
      accepted(await putState(bob, roomId, ['m.room.power_levels'], { ...levels, users }))
      accepted(await putState(alice, roomId, ['m.room.topic'], { topic: 'tea' }))
      const said = await sendText(alice, roomId, 'secret')
      const edit = await sendRelated(alice, roomId, { relType: 'm.replace', parentId: said, body: 'secret edit' })
      const root = await sendText(bob, roomId, 'root')
      const reply = await sendRelated(alice, roomId, { relType: 'm.thread', parentId: root, body: 'secret reply' })
      const regretted = await sendText(alice, roomId, 'regretted')
      const redaction = accepted(await redact(alice, roomId, regretted)).event_id
      await deactivate(alice, { erase })
      await server.settle()
      accepted(await join(carol, roomId))
      return { server, alice, bob, carol, roomId, said, edit, root, reply, regretted, redaction }
    }

    /** Everything that a user is answered about the room, as one text. */
    async function readings(user: TestUser, { roomId, said, root, edit, alice }: Awaited<ReturnType<typeof spoken>>) {
      const answers = [
        joined(await sync(user, { filter: { room: { timeline: { limit: 50 } } } }), roomId),
        joined(await sync(user, { filter: { room: { timeline: { limit: 1 } } }, use_state_after: 'true' }), roomId),
        await readAllMessages(user, roomId),
        accepted(await readRoom(user, [roomId, 'context', said], { limit: 20 })),
        accepted(await readRoom(user, [roomId, 'event', said])),
        accepted(await readRoom(user, [roomId, 'event', root])),
        accepted(await readRoomV1(user, [roomId, 'relations', root])),
        accepted(await readRoomV1(user, [roomId, 'relations', said])),
        accepted(await readRoomV1(user, [roomId, 'threads'])),
        accepted(await readRoom(user, [roomId, 'event', edit])),
        accepted(await readRoom(user, [roomId, 'members'])),
        accepted(await readRoom(user, [roomId, 'state'])),
        accepted(await readRoom(user, [roomId, 'state', 'm.room.member', alice.userId])),
      ]
      return JSON.stringify(answers)
    }

    it('N11 are redacted for who was not in the room, wherever they are read, and whole for who was', async () => {
      const scene = await spoken(true)
      await using _ = scene.server
      const { bob, carol, roomId, said, root, reply, regretted, redaction } = scene
      const heard = await readings(bob, scene)
      for (const text of ['"secret"', 'secret edit', 'secret reply', 'Alice Real-Name']) assert.ok(heard.includes(text))
      const later = await readings(carol, scene)
      for (const text of ['secret', 'Real-Name']) assert.ok(!later.includes(text), text)

      const read = async (eventId: string) => accepted(await readRoom(carol, [roomId, 'event', eventId])) as SyncEvent
      assert.deepEqual((await read(said)).content, {})
      assert.equal(relationsOf(await read(said))['m.replace'], undefined)
      const { latest_event: latest, count } = relationsOf(await read(root))['m.thread']!
      assert.deepEqual([latest.event_id, latest.content, count], [reply, {}, 1])
      assert.ok((await read(regretted)).unsigned?.['redacted_because'])
      assert.equal((await read(redaction)).content['redacts'], regretted)
      // What she made of the room stays.
      const topic = accepted(await readRoom(carol, [roomId, 'state', 'm.room.topic', '']))
      assert.equal(topic.topic, 'tea')
    })

    it('N11 stay whole where the account only ended', async () => {
      const scene = await spoken(false)
      await using _ = scene.server
      const later = await readings(scene.carol, scene)
      for (const text of ['"secret"', 'secret edit', 'secret reply', 'Alice Real-Name']) assert.ok(later.includes(text))
    })
  })

describe('events of an erased user', () => {
  it('N11 are redacted for who was away when they were sent, state that another replaced too', async () => {
    await using server = await startTestServer()
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await createRoom(bob, { preset: 'public_chat' })
    const other = await server.register('other')
    for (const user of [alice, other]) accepted(await join(user, roomId))
    accepted(await putState(bob, roomId, ['m.room.history_visibility'], { history_visibility: 'world_readable' }))
    const heard = await sendText(alice, roomId, 'heard')
    accepted(await leave(other, roomId))
    const missed = await sendText(alice, roomId, 'missed')
    for (const name of ['Name One', 'Name Two']) {
      accepted(await rename(alice, name))
      await server.settle()
    }
    accepted(await join(other, roomId))
    await deactivate(alice, { erase: true })
    await server.settle()
    const shown = async (user: TestUser, eventId: string) =>
      accepted(await readRoom(user, [roomId, 'event', eventId])).content.body
    assert.deepEqual([await shown(other, heard), await shown(other, missed)], ['heard', undefined])
    assert.deepEqual([await shown(bob, heard), await shown(bob, missed)], ['heard', 'missed'])
    assert.ok(JSON.stringify(await readAllMessages(bob, roomId)).includes('Name One'))
    const missing = JSON.stringify(await readAllMessages(other, roomId))
    assert.ok(!missing.includes('Name One'))
  })

  it('N11 are redacted after a restart too, and where another process erased the account', async () => {
    await using server = await startRestartableServer()
    const [alice, bob, carol] = [
      await registerUser(server.url, 'alice'),
      await registerUser(server.url, 'bob'),
      await registerUser(server.url, 'carol'),
    ]
    const roomId = await createRoom(bob, { preset: 'public_chat' })
    for (const user of [alice, carol]) accepted(await join(user, roomId))
    const [said, other] = [await sendText(alice, roomId, 'secret'), await sendText(carol, roomId, 'another secret')]
    await deactivate(alice, { erase: true })
    await server.settle()
    await server.restart()
    const late = await registerUser(server.url, 'late')
    accepted(await join(late, roomId))
    const read = async (eventId: string) => accepted(await readRoom(late, [roomId, 'event', eventId])).content.body
    assert.deepEqual([await read(said), await read(other)], [undefined, 'another secret'])
    server.context.bus.publish(accountErased, { userId: carol.userId })
    assert.equal(await read(other), undefined)
  })

  it('N11 leave an invited user nothing but their redacted copies', async () => {
    await using server = await startTestServer()
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const roomId = await createRoom(bob, { preset: 'public_chat' })
    accepted(await join(alice, roomId))
    accepted(await act(bob, 'invite', roomId, carol.userId))
    const said = await sendText(alice, roomId, 'while invited')
    await deactivate(alice, { erase: true })
    accepted(await join(carol, roomId))
    assert.deepEqual(accepted(await readRoom(carol, [roomId, 'event', said])).content, {})
  })
})
