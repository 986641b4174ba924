import assert from 'node:assert/strict'
import { EventType, MsgType, Preset, ReceiptType, RelationType, type MatrixEvent } from 'matrix-js-sdk'
import {
  VerificationPhase,
  VerificationRequestEvent,
  VerifierEvent,
  type ShowSasCallbacks,
  type VerificationRequest,
  type Verifier,
} from 'matrix-js-sdk/lib/crypto-api/index.js'
import { loginUser, registerUser } from '../support/server/client.ts'
import { startLastingServer } from '../support/server/lasting-server.ts'
import { SdkClient, deadlineMs, releaseTimers } from '../support/server/sdk-client.ts'

type Pair = { alice: SdkClient; bob: SdkClient; roomId: string }

/** An encrypted room that alice invited bob to and both are in. */
async function meet(alice: SdkClient, bob: SdkClient): Promise<Pair> {
  const { room_id: roomId } = await alice.sdk.createRoom({
    preset: Preset.TrustedPrivateChat,
    invite: [bob.user.userId],
    is_direct: true,
    initial_state: [{ type: EventType.RoomEncryption, state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }],
  })
  await bob.until('the invitation', () => bob.sdk.getRoom(roomId)?.getMyMembership() === 'invite')
  await bob.sdk.joinRoom(roomId)
  for (const one of [alice, bob])
    await one.until('both to be joined', () => one.sdk.getRoom(roomId)?.getJoinedMemberCount() === 2)
  return { alice, bob, roomId }
}

const text = (body: string) => ({ msgtype: MsgType.Text as const, body })

/** Sends encrypted text and answers its event as the other reads it. */
async function say(from: SdkClient, to: SdkClient, { roomId, body }: { roomId: string; body: string }) {
  const { event_id: eventId } = await from.sdk.sendMessage(roomId, text(body))
  const event = await to.readable(roomId, eventId)
  assert.deepEqual([event.getContent().body, event.isEncrypted()], [body, true])
  return event
}

const idOf = (event: MatrixEvent): string => event.getId()!

async function replyInThread({ alice, bob, roomId }: Pair, root: MatrixEvent): Promise<void> {
  const relation = { rel_type: RelationType.Thread, event_id: idOf(root), is_falling_back: true }
  const content = { ...text('in the thread'), 'm.relates_to': relation }
  const { event_id: eventId } = await bob.sdk.sendMessage(roomId, idOf(root), content as never)
  const reply = await alice.readable(roomId, eventId)
  assert.equal(reply.getContent().body, 'in the thread')
  const thread = await alice.until('the thread', () => alice.sdk.getRoom(roomId)?.getThread(idOf(root)))
  await alice.until('the reply in the thread', () => thread.replyToEvent?.getId() === eventId && thread.length === 1)
}

async function react({ alice, bob, roomId }: Pair, event: MatrixEvent): Promise<void> {
  const relation = { rel_type: RelationType.Annotation as const, event_id: idOf(event), key: '👍' }
  await bob.sdk.sendEvent(roomId, EventType.Reaction, { 'm.relates_to': relation })
  await alice.until('the reaction', () => {
    const { relations } = alice.sdk.getRoom(roomId)!
    const reactions = relations.getChildEventsForEvent(idOf(event), RelationType.Annotation, EventType.Reaction)
    return reactions?.getSortedAnnotationsByKey()?.some(([key, events]) => key === '👍' && events.size === 1)
  })
}

async function edit({ alice, bob, roomId }: Pair, event: MatrixEvent): Promise<void> {
  const relation = { rel_type: RelationType.Replace, event_id: idOf(event) }
  const content = { ...text('* edited'), 'm.new_content': text('edited'), 'm.relates_to': relation }
  await alice.sdk.sendMessage(roomId, content as never)
  await bob.until('the edit', () => bob.sdk.getRoom(roomId)?.findEventById(idOf(event))?.getContent().body === 'edited')
}

async function redact({ alice, bob, roomId }: Pair, event: MatrixEvent): Promise<void> {
  await alice.sdk.redactEvent(roomId, idOf(event))
  await bob.until('the redaction', () => bob.sdk.getRoom(roomId)?.findEventById(idOf(event))?.isRedacted())
}

async function read({ alice, bob, roomId }: Pair): Promise<void> {
  const event = await say(alice, bob, { roomId, body: 'read this' })
  await bob.sdk.sendReadReceipt(event, ReceiptType.Read)
  await alice.until('the receipt', () => {
    const room = alice.sdk.getRoom(roomId)!
    return room.getReadReceiptForUserId(bob.user.userId, true)?.eventId === idOf(event)
  })
}

async function type({ alice, bob, roomId }: Pair): Promise<void> {
  for (const typing of [true, false]) {
    await bob.sdk.sendTyping(roomId, typing, 10_000)
    const shown = typing ? 'typing' : 'the end of typing'
    await alice.until(shown, () => alice.sdk.getRoom(roomId)?.getMember(bob.user.userId)?.typing === typing)
  }
}

/** None of the events a device has remains unreadable. */
function assertAllReadable({ alice, bob, roomId }: Pair, ...more: SdkClient[]): void {
  for (const one of [alice, bob, ...more]) {
    const events = one.eventsOf(roomId)
    assert.ok(events.some((event) => event.isEncrypted()))
    assert.deepEqual(
      events.filter((event) => event.isDecryptionFailure()).map((event) => event.getId()),
      [],
    )
  }
}

/** Both sides of a verification by emoji: who asked, and who accepts and compares. */
async function verifyByEmoji(asking: SdkClient, asked: SdkClient): Promise<void> {
  const request = await within('the request', asking.requestVerification())
  const received = await asked.until('the arrival of the request', () => asked.verifications[0])
  await within('the acceptance', received.accept())
  await within(
    'readiness',
    reached(request, () => request.phase === VerificationPhase.Ready),
  )
  const verifier = await within('the start', request.startVerification('m.sas.v1'))
  await within(
    'the arrival of the start',
    reached(received, () => received.verifier !== undefined),
  )
  const [one, other] = [compare(verifier), compare(received.verifier!)]
  const [shown, seen] = await within('the emoji', Promise.all([one.shown, other.shown]))
  assert.deepEqual(shown.sas.emoji, seen.sas.emoji)
  await within('the confirmations', Promise.all([shown.confirm(), seen.confirm()]))
  await within('the end of the verification', Promise.all([one.verified, other.verified]))
}

/** A step that hangs is named, and everything is put away. */
async function within<T>(what: string, step: Promise<T>): Promise<T> {
  const tooLate = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    console.error(`Waited in vain for ${what}`)
    tooLate.reject(new Error(`Waited in vain for ${what}`))
  }, deadlineMs)
  try {
    return await Promise.race([step, tooLate.promise])
  } finally {
    clearTimeout(timer)
  }
}

function reached(request: VerificationRequest, look: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => {
      if (!look()) return
      request.off(VerificationRequestEvent.Change, check)
      resolve()
    }
    request.on(VerificationRequestEvent.Change, check)
    check()
  })
}

function compare(verifier: Verifier): { shown: Promise<ShowSasCallbacks>; verified: Promise<void> } {
  const shown = new Promise<ShowSasCallbacks>((resolve) => verifier.once(VerifierEvent.ShowSas, resolve))
  return { shown, verified: verifier.verify() }
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
    await verifyByEmoji(second, alice)
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
