import assert from 'node:assert/strict'
import { startFederation } from '../../../support/federation/network.ts'
import { startSending } from '../../../support/federation/sending.ts'
import { createRoom, join } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'
import { crossSigningOf, deviceKeysOf } from '../../../support/server/device-crypto.ts'
import { sync } from '../../../support/server/sync.ts'

describe('the devices of a user who joins a room', () => {
  it('are announced to the servers that were never sent any, once, and from then on what changes', async () => {
    await using sending = await startSending()
    const near = sending.peer('near.test')
    const [one, two] = [await sending.room([near]), await sending.room([near])]
    const bob = await sending.server.register('bob')
    const gone = await sending.server.login('bob')
    accepted(await gone.request('POST', '/_matrix/client/v3/logout', {}))
    accepted(await bob.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(bob) }))
    accepted(
      await bob.request('POST', '/_matrix/client/v3/keys/device_signing/upload', crossSigningOf(bob.userId).body),
    )
    const keyless = await sending.server.login('bob')
    await sending.settle()
    const updates = () => near.edus('m.device_list_update').filter(({ user_id: userId }) => userId === bob.userId)
    assert.deepEqual(updates(), [])

    accepted(await join(bob, one))
    await sending.settle()
    const [first, last, ...others] = updates()
    assert.deepEqual([first!.device_id, first!.prev_id, others], [bob.deviceId, [], []])
    assert.deepEqual([last!.device_id, last!.prev_id], [keyless.deviceId, [first!.stream_id]])
    assert.deepEqual([first!.keys !== undefined, last!.keys, last!.deleted], [true, undefined, undefined])
    assert.ok(near.edus('m.signing_key_update').some(({ user_id: userId }) => userId === bob.userId))
    const isOfJoin = ({ pdus }: { pdus: object[] }) =>
      pdus.some((pdu) => 'state_key' in pdu && pdu.state_key === bob.userId)
    const isAnnouncing = ({ edus }: { edus: { edu_type: string }[] }) =>
      edus.some(({ edu_type: type }) => type === 'm.device_list_update')
    assert.ok(near.received.findIndex(isOfJoin) <= near.received.findIndex(isAnnouncing))

    accepted(await join(bob, two))
    accepted(await bob.request('PUT', `/_matrix/client/v3/profile/${bob.userId}/displayname`, { displayname: 'Bobby' }))
    await sending.settle()
    assert.equal(updates().length, 2)

    accepted(await keyless.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(keyless) }))
    await sending.settle()
    const { device_id: deviceId, prev_id: previous } = updates().at(-1)!
    assert.deepEqual([updates().length, deviceId, previous], [3, keyless.deviceId, [last!.stream_id]])
  })

  it('are no news to clients there where they have no keys, and leave no gap before those that have', async () => {
    await using federation = await startFederation(['a.test', 'b.test'])
    const [a, b] = federation.servers
    const [alice, bob] = [await a!.register('alice'), await b!.register('bob')]
    const roomId = await createRoom(alice, { preset: 'public_chat' })
    const path = `/_matrix/client/v3/join/${encodeURIComponent(roomId)}?via=a.test`
    accepted(await bob.request('POST', path, {}))
    const { next_batch: since, device_lists: lists } = await sync(alice)
    await federation.settle()
    const later = await sync(alice, { since })
    assert.deepEqual([lists.changed, later.device_lists.changed], [[], []])

    const query = { device_keys: { [bob.userId]: [] } }
    accepted(await alice.request('POST', '/_matrix/client/v3/keys/query', query))
    const { length: asked } = federation.network.requests
    accepted(await bob.request('POST', '/_matrix/client/v3/keys/upload', { device_keys: deviceKeysOf(bob) }))
    await federation.settle()
    assert.deepEqual((await sync(alice, { since })).device_lists.changed, [bob.userId])
    const { device_keys: keys } = accepted(await alice.request('POST', '/_matrix/client/v3/keys/query', query))
    assert.deepEqual(Object.keys(keys[bob.userId]), [bob.deviceId])
    const isOfDevices = ({ uri }: { uri: string }) => uri.includes('/user/devices/')
    assert.deepEqual(federation.network.requests.slice(asked).filter(isOfDevices), [])
  })
})
