import assert from 'node:assert/strict'
import type { JsonObject, Pdu, UnsignedPdu } from '#protocol/events/event.ts'
import { roomIdOfCreate } from '#protocol/events/event-id.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { roomVersions, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import { newRooms } from '../../../support/server/earlier-history.ts'
import { startReceiving } from '../../../support/federation/receiving.ts'
import { alice } from '../../../support/generators/scene.ts'
import { keyOf } from '../../../support/generators/server-keys.ts'

type Change = { content?: JsonObject } & Partial<Omit<UnsignedPdu, 'content'>>

/** A signed create event, with something about it as it should not be; what is undefined is left out. */
function creation(version: RoomVersion, { content = {}, ...change }: Change = {}): { create: Pdu; roomId: RoomId } {
  const unsigned = {
    type: 'm.room.create',
    sender: alice,
    state_key: '',
    content: { room_version: version.id, ...(version.creators === 'content' && { creator: alice }), ...content },
    ...(!version.roomIdIsCreateHash && { room_id: '!room:s0.test' }),
    ...(version.eventIds === 'chosen-by-origin' && { event_id: '$create:s0.test' }),
    origin_server_ts: 1,
    depth: 1,
    prev_events: [],
    auth_events: [],
    ...change,
  }
  const create = signEvent(JSON.parse(JSON.stringify(unsigned)) as UnsignedPdu, version, keyOf('s0.test'))
  return { create, roomId: roomIdOfCreate(create, version) }
}

const otherVersion = ({ id }: RoomVersion) => (id === '10' ? '9' : '10')
const cited = ({ eventFormat }: RoomVersion): UnsignedPdu['auth_events'] =>
  eventFormat === 'v1' ? [['$other:s0.test' as EventId, { sha256: '' }]] : ['$other']

const refused: readonly [what: string, change: (version: RoomVersion) => Change][] = [
  ['of another room version than we were told', (version) => ({ content: { room_version: otherVersion(version) } })],
  ['with a state key', () => ({ state_key: 'x' })],
  ['without state key', () => ({ state_key: undefined }) as unknown as Change],
  ['that rests on something', (version) => ({ auth_events: cited(version) })],
  ['that is no create event', () => ({ type: 'm.room.name' })],
]

describe('the first event of a room of another server', function () {
  this.timeout(20_000)

  it('opens the room, in every version', async () => {
    await using server = await startReceiving()
    for (const version of roomVersions) {
      // The store is one for all of them.
      const own: Change = version.roomIdIsCreateHash ? {} : { room_id: `!${version.id}:s0.test` }
      if (version.eventIds === 'chosen-by-origin') own.event_id = `$${version.id}:s0.test`
      const { create, roomId } = creation(version, own)
      const { outcome } = await server.open({ roomId, version, create })
      assert.equal(outcome, 'accepted', `version ${version.id}`)
    }
  })

  for (const [what, change] of refused)
    it(`is refused ${what}, and the room stays unknown`, async () => {
      await using server = await startReceiving()
      for (const version of roomVersions) {
        const { create, roomId } = creation(version, change(version))
        const { outcome } = await server.open({ roomId, version, create })
        assert.match(outcome, /^(rejected|dropped)$/, `version ${version.id}`)
        assert.deepEqual(await newRooms(server.ctx.store), [])
      }
    })

  it('opens a room of version 1 where it does not say which', async () => {
    await using server = await startReceiving()
    const version = roomVersions.find(({ id }) => id === '1')!
    const { create, roomId } = creation(version, { content: { room_version: undefined } as never })
    assert.equal((await server.open({ roomId, version, create })).outcome, 'accepted')
  })
})
