import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import { HostileServer, foreignRoom } from '../../support/federation/hostile-server.ts'
import { jsonAnswer, startFederation, type Federation } from '../../support/federation/network.ts'
import { keyOf } from '../../support/generators/server-keys.ts'
import { checkRoom } from '../../support/rooms/room-check.ts'
import { roomPath } from '../../support/rooms/rooms.ts'
import { type TestUser, accepted } from '../../support/server/client.ts'
import type { TestServer } from '../../support/server/server.ts'
import { sync } from '../../support/server/sync.ts'

type Answer = { state: JsonObject[]; auth_chain: JsonObject[]; event: JsonObject }
type Lie = (answer: Answer, hostile: HostileServer) => unknown

/** The same change in the state and in the auth chain. */
const each =
  (change: (event: JsonObject, hostile: HostileServer) => JsonObject[]): Lie =>
  (answer, hostile) => ({
    ...answer,
    state: answer.state.flatMap((event) => change(event, hostile)),
    auth_chain: answer.auth_chain.flatMap((event) => change(event, hostile)),
  })

const only = (type: string, change: (event: JsonObject, hostile: HostileServer) => JsonObject[]): Lie =>
  each((event, hostile) => (event.type === type ? change(event, hostile) : [event]))

const unsigned = (event: JsonObject): JsonObject[] => [{ ...event, signatures: {} }]
const signedByAnother = (event: JsonObject, hostile: HostileServer): JsonObject[] => [
  hostile.resign(event as never, { ...keyOf('s1.test'), serverName: 's0.test' }).pdu as unknown as JsonObject,
]
const ofAnotherRoom: Lie = (answer) => {
  const other = foreignRoom('12', { name: 'other' })
  const events = other.events as unknown as JsonObject[]
  return { ...answer, state: events, auth_chain: events }
}

const lies: Record<string, Lie> = {
  'no state': ({ event }) => ({ event }),
  'no auth chain': ({ event, state }) => ({ event, state }),
  'a state of no form': (answer) => ({ ...answer, state: {}, auth_chain: 'x' }),
  'an empty state': (answer) => ({ ...answer, state: [], auth_chain: [] }),
  'a state of no events': (answer) => ({ ...answer, state: [5, null, []], auth_chain: [{}] }),
  'no create event': only('m.room.create', () => []),
  'a create event without signature': only('m.room.create', unsigned),
  'a create event that another signed': only('m.room.create', signedByAnother),
  'no join rules': only('m.room.join_rules', () => []),
  'join rules without signature': only('m.room.join_rules', unsigned),
  'join rules that another signed': only('m.room.join_rules', signedByAnother),
  'power levels with a number that is none': only('m.room.power_levels', (event) => [{ ...event, depth: 1.5 }]),
  'the state of another room': ofAnotherRoom,
  'nothing that is JSON': () => 'x',
}

describe('T25 hostile answers to joins', () => {
  let federation: Federation
  let b: TestServer
  let hostile: HostileServer
  let bob: TestUser
  before(async () => {
    federation = await startFederation(['b.test'])
    b = federation.servers[0]!
    bob = await b.register('bob')
  })
  after(() => federation[Symbol.asyncDispose]())

  const join = () =>
    bob.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(hostile.roomId)}?via=s0.test`, {})

  async function assertOutside(): Promise<void> {
    const { rooms } = await sync(bob)
    assert.equal(rooms?.join?.[hostile.roomId], undefined)
    assert.equal((await bob.request('GET', roomPath(hostile.roomId, 'state'))).status, 403)
    assert.equal(await b.context.rooms.find(hostile.roomId), undefined)
  }

  let rooms = 0
  const newRoom = (version: string) => {
    hostile = new HostileServer(federation.network, federation.clock, { version, name: `${rooms++}` })
  }

  for (const version of ['2', '11', '12'])
    for (const [name, lie] of Object.entries(lies))
      it(`T25 with ${name} let nobody in in version ${version}, and an honest one does afterwards`, async () => {
        newRoom(version)
        hostile.lies = { sent: (honest) => lie(honest as unknown as Answer, hostile) }
        const { status, body } = await join()
        assert.ok([400, 403, 502].includes(status), `${status} ${JSON.stringify(body)}`)
        await assertOutside()
        hostile.lies = {}
        accepted(await join())
        assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
        assert.ok((await sync(bob)).rooms!.join![hostile.roomId])
      })

  it('T25 with another event than ours take in ours', async () => {
    newRoom('11')
    hostile.lies = {
      sent: (answer) => ({ ...answer, event: { ...(answer.event as JsonObject), content: { membership: 'ban' } } }),
    }
    accepted(await join())
    const { body } = await bob.request('GET', roomPath(hostile.roomId, 'state', 'm.room.member', bob.userId))
    assert.deepEqual(body, { displayname: 'bob', membership: 'join' })
  })

  it('T25 with a second create event keep the first', async () => {
    newRoom('11')
    const { room } = hostile
    const second = room.make({ type: 'm.room.create', state_key: '', content: { room_version: '11', m: 2 } })
    hostile.lies = {
      sent: (answer) => ({ ...answer, state: [...(answer.state as JsonObject[]), second as unknown as JsonObject] }),
    }
    accepted(await join())
    const { body } = await bob.request('GET', roomPath(hostile.roomId, 'state', 'm.room.create'))
    assert.deepEqual(body, room.create.content)
    assert.deepEqual(await checkRoom(b.context, hostile.roomId), [])
  })

  it('T25 of one server do not keep a user out whom another lets in', async () => {
    newRoom('11')
    federation.network.addFake('liar.test', async () => jsonAnswer(200, { room_version: '11', event: {} }))
    federation.network.addFake('broken.test', async () => ({ status: 200, headers: {}, body: Buffer.from('{') }))
    const path = `/_matrix/client/v3/join/${encodeURIComponent(hostile.roomId)}`
    const via = 'via=liar.test&via=broken.test&via=nowhere.test&via=b.test&via=not%20a%20name&server_name=s0.test'
    accepted(await bob.request('POST', `${path}?${via}`, {}))
  })

  it('T25 to a knock show no events of another room', async () => {
    hostile = new HostileServer(federation.network, federation.clock, { joinRule: 'knock', name: `${rooms++}` })
    const named = (name: string, room_id: string) =>
      ({ type: 'm.room.name', sender: '@alice:s0.test', state_key: '', content: { name }, room_id }) as JsonObject
    const shown = [named('here', hostile.roomId), named('elsewhere', '!elsewhere:s0.test')]
    hostile.lies = { sent: () => ({ knock_room_state: shown }) }
    const path = `/_matrix/client/v3/knock/${encodeURIComponent(hostile.roomId)}?via=s0.test`
    accepted(await bob.request('POST', path, {}))
    const { events } = (await sync(bob)).rooms!.knock![hostile.roomId]!.knock_state
    assert.deepEqual(
      events.map(({ type, content }) => [type, content.name ?? content.membership]),
      [
        ['m.room.name', 'here'],
        ['m.room.member', 'knock'],
      ],
    )
  })
})
