import assert from 'node:assert/strict'
import { EventType, RoomType, Visibility } from 'matrix-js-sdk'
import { Company, type Direction } from '../support/company.ts'
import { eventually } from '../support/eventually.ts'
import type { Servers } from '../support/servers.ts'

/** What is found of another server. */
export function directoryCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  before(async () => void (company = await Company.meet(servers(), direction)))
  after(() => company?.[Symbol.dispose]())

  it('the guest finds a published room, looks its alias up, and joins it', async () => {
    const { guest, here } = company
    const alias = `published-${process.pid}-${here.kind}`
    const name = `Published by ${here.kind}`
    const roomId = await company.room({ visibility: Visibility.Public, room_alias_name: alias, name, topic: 'Found' })
    const listed = async () => {
      const { chunk } = await guest.sdk.publicRooms({ server: here.name, limit: 100 })
      return chunk.find(({ room_id: id }) => id === roomId)
    }
    // Synapse lists rooms only a while after they were made.
    await eventually('the room in the list', async () => (await listed()) !== undefined)
    const { topic, canonical_alias: canonical } = (await listed())!
    assert.deepEqual([topic, canonical], ['Found', `#${alias}:${here.name}`])
    const found = await guest.sdk.publicRooms({ server: here.name, filter: { generic_search_term: name } })
    assert.deepEqual(
      found.chunk.map(({ room_id: id }) => id),
      [roomId],
    )
    const target = await guest.sdk.getRoomIdForAlias(`#${alias}:${here.name}`)
    assert.equal(target.room_id, roomId)
    assert.ok(target.servers.includes(here.name))
    await company.enter(`#${alias}:${here.name}`)
    await company.speak(roomId)
  })

  it('the guest sees the profile of a user it shares no room with, and no profile where there is none', async () => {
    const { host, guest, here } = company
    await host.sdk.setDisplayName('Seen from afar')
    const { displayname } = await guest.sdk.getProfileInfo(host.user.userId)
    assert.equal(displayname, 'Seen from afar')
    await assert.rejects(guest.sdk.getProfileInfo(`@absent:${here.name}`), { errcode: 'M_NOT_FOUND' })
    await assert.rejects(guest.sdk.getRoomIdForAlias(`#absent:${here.name}`), { errcode: 'M_NOT_FOUND' })
  })

  it('the guest enters a space, sees the rooms in it, and enters these', async () => {
    const { host, guest, here } = company
    const space = await company.room({ creation_content: { type: RoomType.Space }, name: 'Space' })
    const roomId = await company.room({ name: 'In the space' })
    await host.sdk.sendStateEvent(space, EventType.SpaceChild, { via: [here.name], suggested: true }, roomId)
    await host.sdk.sendStateEvent(roomId, EventType.SpaceParent, { via: [here.name], canonical: true }, space)
    await company.enter(space)
    const child = await guest.until('the child', () =>
      guest.sdk.getRoom(space)?.currentState.getStateEvents(EventType.SpaceChild, roomId),
    )
    assert.deepEqual(child.getContent(), { via: [here.name], suggested: true })
    assert.ok(guest.sdk.getRoom(space)?.isSpaceRoom())
    await guest.sdk.joinRoom(roomId, { viaServers: child.getContent()['via'] as string[] })
    await company.membership(guest, roomId, 'join')
    await host.sdk.sendStateEvent(space, EventType.SpaceChild, {}, roomId)
    await guest.until('the end of the child', () => {
      const event = guest.sdk.getRoom(space)?.currentState.getStateEvents(EventType.SpaceChild, roomId)
      return event && Object.keys(event.getContent()).length === 0
    })
    await company.agree(space)
    await company.agree(roomId)
  })
}
