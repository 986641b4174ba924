import assert from 'node:assert/strict'
import { Preset } from 'matrix-js-sdk'
import {
  assertAllReadable,
  edit,
  encryptedState,
  idOf,
  react,
  read,
  redact,
  replyInThread,
  say,
  type,
  type Pair,
} from '../support/sdk/conversation.ts'
import { verifyByEmoji, within } from '../support/sdk/verification.ts'
import { loginUser, registerUser } from '../support/server/client.ts'
import { startLastingServer } from '../support/server/lasting-server.ts'
import { SdkClient, releaseTimers } from '../support/server/sdk-client.ts'

/** An encrypted room that alice invited bob to and both are in. */
async function meet(alice: SdkClient, bob: SdkClient): Promise<Pair> {
  const { room_id: roomId } = await alice.sdk.createRoom({
    preset: Preset.TrustedPrivateChat,
    invite: [bob.user.userId],
    is_direct: true,
    initial_state: [encryptedState],
  })
  await bob.until('the invitation', () => bob.sdk.getRoom(roomId)?.getMyMembership() === 'invite')
  await bob.sdk.joinRoom(roomId)
  for (const one of [alice, bob])
    await one.until('both to be joined', () => one.sdk.getRoom(roomId)?.getJoinedMemberCount() === 2)
  return { alice, bob, roomId }
}

const verified = async ({ crypto, user }: SdkClient) =>
  (await crypto.getDeviceVerificationStatus(user.userId, user.deviceId))?.crossSigningVerified

describe('matrix-js-sdk clients with encryption', function () {
  this.timeout(180_000)
  let restoreTimers = () => {}
  before(() => void (restoreTimers = releaseTimers()))
  after(() => restoreTimers())

  it('converse, across a restart of the server, and read it all again on a second device', async () => {
    await using server = await startLastingServer()
    using alice = new SdkClient(server.url, await registerUser(server.url, 'alice'))
    using bob = new SdkClient(server.url, await registerUser(server.url, 'bob'))
    await Promise.all([alice.start(), bob.start()])
    await Promise.all([alice.setUpEncryption(), bob.setUpEncryption()])

    const pair = await meet(alice, bob)
    const { roomId } = pair
    const first = await say(alice, bob, { roomId, body: 'hello' })
    const answer = await say(bob, alice, { roomId, body: 'hello yourself' })
    await replyInThread(pair, first)
    await react(pair, first)
    await edit(pair, first)
    await redact(pair, await say(alice, bob, { roomId, body: 'a secret' }))
    await read(pair)
    await type(pair)

    await server.restart()
    for (const { sdk } of [alice, bob]) sdk.retryImmediately()
    const last = await say(alice, bob, { roomId, body: 'after the restart' })
    await say(bob, alice, { roomId, body: 'still here' })

    using second = new SdkClient(server.url, await loginUser(server.url, 'alice'))
    second.recoveryKey = alice.recoveryKey
    await backedUp(alice, roomId)
    await second.start()
    await second.until('the keys of its user', () => second.crypto.userHasCrossSigningKeys(second.user.userId, true))
    await second.crypto.bootstrapCrossSigning({})
    await second.crypto.loadSessionBackupPrivateKeyFromSecretStorage()
    const { imported, total } = await second.crypto.restoreKeyBackup()
    await second.crypto.checkKeyBackupAndEnable()

    assert.ok(imported >= 2 && imported === total, `${imported} of ${total} keys`)
    assert.equal(await verified(second), true)
    for (const event of [answer, last])
      assert.equal((await second.readable(roomId, idOf(event))).getContent().body, event.getContent().body)
    await say(bob, second, { roomId, body: 'to both your devices' })
    await say(second, bob, { roomId, body: 'from my second' })
    assertAllReadable(pair, second)
  })

  it('verify a second device by emoji, which then gets the key of the backup and reads old messages', async () => {
    await using server = await startLastingServer()
    using alice = new SdkClient(server.url, await registerUser(server.url, 'alice'))
    using bob = new SdkClient(server.url, await registerUser(server.url, 'bob'))
    await within('the start of both', Promise.all([alice.start(), bob.start()]))
    await within('encryption', alice.setUpEncryption())
    const pair = await within('a room', meet(alice, bob))
    const { roomId } = pair
    const old = await within('a message', say(bob, alice, { roomId, body: 'before you came' }))
    await backedUp(alice, roomId)

    using second = new SdkClient(server.url, await loginUser(server.url, 'alice'))
    await within('the start of the second device', second.start())
    const { deviceId, userId } = second.user
    await alice.until('the new device', async () =>
      (await alice.crypto.getUserDeviceInfo([userId], true)).get(userId)?.has(deviceId),
    )
    await verifyByEmoji(second.requestVerification(), alice)
    await second.until('the key of the backup', () => second.crypto.getSessionBackupPrivateKey())

    // The other device signs it once both have agreed, and the signature comes with the next device list.
    await second.until('its verification', async () => verified(second))
    assert.equal((await second.readable(roomId, idOf(old))).getContent().body, 'before you came')
    assertAllReadable(pair, second)
  })
})

/** The device has put all keys of the room into the backup. */
async function backedUp(client: SdkClient, roomId: string): Promise<void> {
  const sessions = (await client.crypto.exportRoomKeys()).filter(({ room_id: of }) => of === roomId)
  await client.until('the backup of all keys', async () => {
    const { body } = await client.user.request('GET', '/_matrix/client/v3/room_keys/version')
    return body.count >= sessions.length
  })
}
