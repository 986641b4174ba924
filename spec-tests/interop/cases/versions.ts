import assert from 'node:assert/strict'
import { EventType, Preset } from 'matrix-js-sdk'
import { accepted } from '../../support/server/client.ts'
import { encryptedState, say } from '../../support/sdk/conversation.ts'
import { Company, stateOf, type Direction } from '../support/company.ts'
import type { Homeserver } from '../support/homeserver.ts'
import type { Servers } from '../support/servers.ts'

/** Every stable room version: the cases stand before the servers run, and a server that lacks one is noticed. */
const versions = Array.from({ length: 12 }, (_, index) => String(index + 1))

/** A life of a room in each version. */
export function versionCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  before(async () => void (company = await Company.meet(servers(), direction)))
  after(() => company?.[Symbol.dispose]())

  it('both support every stable version', async () => {
    for (const server of [company.here, company.there]) {
      const stable = await stableVersions(server, company)
      assert.deepEqual(
        versions.filter((version) => !stable.includes(version)),
        [],
        server.kind,
      )
    }
  })

  for (const version of versions)
    it(`a room of version ${version}: entered, spoken in, ruled, redacted, left and entered again`, async () => {
      const { host, guest } = company
      const roomId = await company.sharedRoom({ room_version: version, name: `Version ${version}` })
      await company.speak(roomId)

      await host.sdk.setPowerLevel(roomId, guest.user.userId, 100)
      await guest.until('power', () => guest.sdk.getRoom(roomId)?.getMember(guest.user.userId)?.powerLevel === 100)
      await guest.sdk.setRoomTopic(roomId, 'by the guest')
      await host.until(
        'the topic',
        () => stateOf<{ topic: string }>(host, roomId, EventType.RoomTopic)?.topic === 'by the guest',
      )
      for (const [from, to] of [
        [host, guest],
        [guest, host],
      ] as const) {
        const { event_id: said } = await from.sdk.sendTextMessage(roomId, 'gone soon')
        await to.readable(roomId, said)
        await to.sdk.redactEvent(roomId, said)
        for (const one of company.both)
          await one.until('the redaction', () => one.sdk.getRoom(roomId)?.findEventById(said)?.isRedacted())
      }
      await guest.sdk.leave(roomId)
      await company.membership(guest, roomId, 'leave')
      await host.sdk.setRoomTopic(roomId, 'while the guest was away')
      await company.enter(roomId)
      await company.speak(roomId)
      await company.agree(roomId)
    })

  for (const version of ['1', '6', '12'])
    it(`an encrypted room of version ${version}, entered by invitation`, async () => {
      const { host, guest } = company
      const options = { room_version: version, initial_state: [encryptedState], invite: [guest.user.userId] }
      const roomId = await company.room({ ...options, preset: Preset.PrivateChat })
      await company.membership(guest, roomId, 'invite')
      await company.enter(roomId)
      await guest.until('encryption', () => guest.sdk.getRoom(roomId)?.hasEncryptionStateEvent())
      await say(host, guest, { roomId, body: 'a secret' })
      await say(guest, host, { roomId, body: 'another' })
      await company.agree(roomId)
    })
}

async function stableVersions(server: Homeserver, { here, host, guest }: Company): Promise<string[]> {
  const { user } = server === here ? host : guest
  const { capabilities } = accepted(await user.request('GET', '/_matrix/client/v3/capabilities'))
  const available = capabilities['m.room_versions'].available as Record<string, string>
  return Object.keys(available).filter((version) => available[version] === 'stable')
}
