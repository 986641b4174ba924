import { EventType } from 'matrix-js-sdk'
import assert from 'node:assert/strict'
import { loginUser } from '../../support/server/client.ts'
import { SdkClient } from '../../support/server/sdk-client.ts'
import { assertAllReadable, say, text } from '../../support/sdk/conversation.ts'
import { Company, stateOf, type Direction } from '../support/company.ts'
import { encryptedEvents, scrollBackTo } from '../support/observer.ts'
import type { Servers } from '../support/servers.ts'

const withinMs = 120_000

/** The guest's server is away for a while. */
export function outageCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  before(async () => void (company = await Company.meet(servers(), direction)))
  after(() => company?.[Symbol.dispose]())

  const restart = async () => {
    await company.there.start()
    company.guest.sdk.retryImmediately()
  }

  const speakMeanwhile = async (roomId: string, bodies: readonly string[]) => {
    const ids: string[] = []
    for (const body of bodies) ids.push((await company.host.sdk.sendMessage(roomId, text(body))).event_id)
    return ids
  }

  const bodies = (what: string, count: number) => Array.from({ length: count }, (_, number) => `${what} ${number}`)

  const guestReads = async (roomId: string, ids: readonly string[]) => {
    const { guest } = company
    await guest.readable(roomId, ids.at(-1)!, withinMs)
    await scrollBackTo(guest, roomId, ids)
    for (const id of ids) await guest.readable(roomId, id, withinMs)
  }

  it('what was said and done meanwhile comes once the server is back, without a word from it', async () => {
    const { host, guest } = company
    const roomId = await company.secretRoom()
    await say(host, guest, { roomId, body: 'before' })
    await say(guest, host, { roomId, body: 'before as well' })
    await company.there.stop()
    const ids = await speakMeanwhile(roomId, bodies('meanwhile', 5))
    await host.sdk.setRoomTopic(roomId, 'changed meanwhile')
    await restart()
    await guestReads(roomId, ids)
    await guest.until(
      'the topic',
      () => stateOf<{ topic: string }>(guest, roomId, EventType.RoomTopic)?.topic === 'changed meanwhile',
    )
    await say(guest, host, { roomId, body: 'back' })
    await say(host, guest, { roomId, body: 'good' })
    await company.agree(roomId)
    assert.deepEqual(
      (await encryptedEvents(guest.user, roomId)).sort(),
      (await encryptedEvents(host.user, roomId)).sort(),
    )
    assertAllReadable({ alice: host, bob: guest, roomId })
  })

  it('keys, devices and more messages than one transaction holds come as well', async () => {
    const { host, guest, here } = company
    const roomId = await company.secretRoom()
    await say(host, guest, { roomId, body: 'before' })
    await say(guest, host, { roomId, body: 'before as well' })
    await company.there.stop()
    // From now on all messages have other keys, which are sent to the guest's device.
    await host.crypto.forceDiscardSession(roomId)
    const ids = await speakMeanwhile(roomId, bodies('with new keys', 70))
    using second = await new SdkClient(here.url, await loginUser(here.url, host.user.userId)).start()
    await restart()
    await guestReads(roomId, ids)
    await guest.until('the new device', async () => {
      const devices = await guest.crypto.getUserDeviceInfo([host.user.userId])
      return devices.get(host.user.userId)?.has(second.user.deviceId)
    })
    await say(guest, second, { roomId, body: 'to both of you' })
    await say(guest, host, { roomId, body: 'to the first' })
    await say(second, guest, { roomId, body: 'from the second' })
    await company.agree(roomId)
    assert.deepEqual(
      (await encryptedEvents(guest.user, roomId)).sort(),
      (await encryptedEvents(host.user, roomId)).sort(),
    )
    assertAllReadable({ alice: host, bob: guest, roomId })
  })

  it('an invitation, a kick and a rejection wait for the server or go on without it', async () => {
    const { host, guest } = company
    const [invited, kicked] = [await company.room(), await company.sharedRoom()]
    await host.sdk.invite(invited, guest.user.userId)
    await company.membership(guest, invited, 'invite')
    await company.here.stop()
    await guest.sdk.leave(invited)
    await company.membershipOf(guest, 'leave', { seenBy: guest, roomId: invited })
    await company.here.start()
    host.sdk.retryImmediately()
    // Synapse does not try again to tell of a rejection.
    if (company.there.kind === 'Myelin')
      await host.until(
        'the rejection',
        () => host.sdk.getRoom(invited)?.getMember(guest.user.userId)?.membership === 'leave',
        withinMs,
      )
    await company.there.stop()
    await host.sdk.kick(kicked, guest.user.userId, 'while you were away')
    await restart()
    await guest.until('the kick', () => guest.sdk.getRoom(kicked)?.getMyMembership() === 'leave', withinMs)
  })

  it('both were away and go on', async () => {
    const { host, guest, here, there } = company
    const roomId = await company.secretRoom()
    await say(host, guest, { roomId, body: 'before' })
    await say(guest, host, { roomId, body: 'before as well' })
    await Promise.all([here.stop(), there.stop()])
    await Promise.all([here.start(), there.start()])
    for (const { sdk } of company.both) sdk.retryImmediately()
    await say(host, guest, { roomId, body: 'after' })
    await say(guest, host, { roomId, body: 'after as well' })
    await company.agree(roomId)
  })
}
