import assert from 'node:assert/strict'
import { EventType, Preset } from 'matrix-js-sdk'
import type { SdkClient } from '../../support/server/sdk-client.ts'
import { Company, stateOf, type Direction } from '../support/company.ts'
import type { Servers } from '../support/servers.ts'

type Tombstone = { replacement_room: string }

/** Rooms that are replaced by rooms of another version. */
export function upgradeCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  before(async () => void (company = await Company.meet(servers(), direction)))
  after(() => company?.[Symbol.dispose]())

  /** Everybody follows the tombstone. */
  const follow = async (roomId: string, upgrading: SdkClient, following: SdkClient): Promise<string> => {
    const tombstone = await following.until('the tombstone', () =>
      stateOf<Tombstone>(following, roomId, EventType.RoomTombstone),
    )
    const { replacement_room: next } = tombstone
    const server = upgrading === company.host ? company.here : company.there
    await following.sdk.joinRoom(next, { viaServers: [server.name] })
    await company.membership(following, next, 'join')
    return next
  }

  for (const [from, to] of [
    ['6', '10'],
    ['10', '11'],
    ['11', '12'],
  ] as const) {
    it(`the host upgrades a room from version ${from} to ${to}, and the guest follows`, async () => {
      const { host, guest } = company
      const roomId = await company.sharedRoom({ room_version: from, name: 'Old and new' })
      await host.sdk.upgradeRoom(roomId, to)
      const next = await follow(roomId, host, guest)
      await company.speak(next)
      await company.agree(next)
      await company.agree(roomId)
      assert.equal(guest.sdk.getRoom(next)?.getVersion(), to)
      assert.equal(guest.sdk.getRoom(next)?.name, 'Old and new')
    })

    it(`the guest upgrades a room from version ${from} to ${to}, and the host follows`, async () => {
      const { host, guest } = company
      const roomId = await company.sharedRoom({ room_version: from, preset: Preset.PublicChat })
      await host.sdk.setPowerLevel(roomId, guest.user.userId, 100)
      await guest.until('power', () => guest.sdk.getRoom(roomId)?.getMember(guest.user.userId)?.powerLevel === 100)
      await guest.sdk.upgradeRoom(roomId, to)
      const next = await follow(roomId, guest, host)
      await company.speak(next)
      await company.agree(next)
      await company.agree(roomId)
    })
  }
}
