import assert from 'node:assert/strict'
import { loginUser } from '../../support/server/client.ts'
import { SdkClient } from '../../support/server/sdk-client.ts'
import {
  assertAllReadable,
  edit,
  react,
  read,
  redact,
  replyInThread,
  say,
  type,
  type Pair,
} from '../../support/sdk/conversation.ts'
import { verifyByEmoji } from '../../support/sdk/verification.ts'
import { Company, type Direction } from '../support/company.ts'
import { eventually } from '../support/eventually.ts'
import type { Servers } from '../support/servers.ts'

/** What people do in an encrypted room. */
export function conversationCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  let roomId: string
  let pairs: readonly [Pair, Pair]
  before(async () => {
    company = await Company.meet(servers(), direction)
    roomId = await company.secretRoom()
    const { host, guest } = company
    pairs = [
      { alice: host, bob: guest, roomId },
      { alice: guest, bob: host, roomId },
    ]
  })
  after(() => company?.[Symbol.dispose]())

  /** With either of the two as the one who acts. */
  const each = (what: string, act: (pair: Pair) => Promise<void>) =>
    it(`${what}, both ways`, async () => {
      for (const pair of pairs) await act(pair)
      assertAllReadable(pairs[0])
    })

  each('encrypted messages', async ({ alice, bob }) => {
    for (let number = 0; number < 5; number++) await say(alice, bob, { roomId, body: `message ${number}` })
  })
  each('threads', async (pair) => replyInThread(pair, await say(pair.alice, pair.bob, { roomId, body: 'a thread' })))
  each('reactions', async (pair) => react(pair, await say(pair.alice, pair.bob, { roomId, body: 'react to this' })))
  each('edits', async (pair) => edit(pair, await say(pair.alice, pair.bob, { roomId, body: 'to be edited' })))
  each('redactions', async (pair) => redact(pair, await say(pair.alice, pair.bob, { roomId, body: 'to be redacted' })))
  each('read receipts', read)
  each('typing', type)

  each('presence', async ({ alice, bob }) => {
    for (const message of ['reading', 'writing']) {
      await alice.sdk.setPresence({ presence: 'online', status_msg: message })
      await bob.until('the status', () => bob.sdk.getUser(alice.user.userId)?.presenceStatusMsg === message)
    }
    await alice.sdk.setPresence({ presence: 'unavailable' })
    await bob.until('absence', () => bob.sdk.getUser(alice.user.userId)?.presence === 'unavailable')
  })

  each('profiles', async ({ alice, bob }) => {
    const { userId } = alice.user
    const name = `${alice === company.host ? 'Host' : 'Guest'} with a name`
    await alice.sdk.setDisplayName(name)
    await alice.sdk.setAvatarUrl(`mxc://${company.here.name}/picture`)
    await bob.until('the name', () => bob.sdk.getRoom(roomId)?.getMember(userId)?.rawDisplayName === name)
    await bob.until('the picture', () => bob.sdk.getRoom(roomId)?.getMember(userId)?.getMxcAvatarUrl())
    const profile = await bob.sdk.getProfileInfo(userId)
    assert.deepEqual({ ...profile }, { displayname: name, avatar_url: `mxc://${company.here.name}/picture` })
    await alice.sdk.setDisplayName(`${name} no more`)
    await bob.until('the next', () => bob.sdk.getRoom(roomId)?.getMember(userId)?.rawDisplayName === `${name} no more`)
  })

  each('new devices, which read what is said from then on, and devices that end', async ({ alice, bob }) => {
    const home = alice === company.host ? company.here : company.there
    const { userId } = alice.user
    const devicesSeen = async () => (await bob.crypto.getUserDeviceInfo([userId], true)).get(userId)
    await devicesSeen()
    using second = new SdkClient(home.url, await loginUser(home.url, userId))
    await second.start()
    const { deviceId } = second.user
    await bob.until('the new device', async () => (await devicesSeen())?.has(deviceId))
    await say(bob, second, { roomId, body: 'to both your devices' })
    await say(second, bob, { roomId, body: 'from my second' })
    assertAllReadable(pairs[0])

    await alice.sdk.setDeviceDetails(deviceId, { display_name: 'A second one' })
    await bob.until('its name', async () => (await devicesSeen())?.get(deviceId)?.displayName === 'A second one')
    await second.sdk.logout(true)
    await bob.until('its end', async () => !(await devicesSeen())?.has(deviceId))
    await say(bob, alice, { roomId, body: 'to the one device' })
  })

  it('cross-signing keys are seen from the other server, and a verification by emoji makes them trusted', async () => {
    const { host, guest } = company
    for (const one of company.both) await one.setUpEncryption()
    for (const { alice, bob } of pairs) {
      const { userId, deviceId } = bob.user
      await alice.until('the cross-signing keys', () => alice.crypto.userHasCrossSigningKeys(userId, true))
      await alice.until(
        'the signature on the device',
        async () => (await alice.crypto.getDeviceVerificationStatus(userId, deviceId))?.signedByOwner,
      )
    }
    await verifyByEmoji(host.crypto.requestVerificationDM(guest.user.userId, roomId), guest)
    for (const { alice, bob } of pairs)
      await alice.until('the verification', async () =>
        (await alice.crypto.getUserVerificationStatus(bob.user.userId)).isCrossSigningVerified(),
      )
    await say(host, guest, { roomId, body: 'verified' })
    await say(guest, host, { roomId, body: 'verified as well' })
  })

  it('cross-signing keys that were reset are seen from the other server', async () => {
    for (const { alice, bob } of pairs) {
      const { userId } = bob.user
      const masterKey = async () => {
        const { body } = await alice.user.request('POST', '/_matrix/client/v3/keys/query', {
          device_keys: { [userId]: [] },
        })
        return JSON.stringify(body.master_keys?.[userId]?.keys)
      }
      const before = await masterKey()
      await bob.setUpEncryption()
      await eventually('the new keys', async () => (await masterKey()) !== before)
    }
    await say(company.host, company.guest, { roomId, body: 'with new keys' })
    await say(company.guest, company.host, { roomId, body: 'with new keys as well' })
    assertAllReadable(pairs[0])
  })
}
