import assert from 'node:assert/strict'
import { startSending } from '../../../support/federation/sending.ts'
import { join } from '../../../support/rooms/rooms.ts'
import { accepted } from '../../../support/server/client.ts'
import { crossSigningOf, deviceKeysOf } from '../../../support/server/device-crypto.ts'

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
})
