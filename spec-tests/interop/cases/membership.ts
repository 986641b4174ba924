import assert from 'node:assert/strict'
import { EventType, JoinRule, Preset } from 'matrix-js-sdk'
import { accepted } from '../../support/server/client.ts'
import { Company, newClient, stateOf, type Direction } from '../support/company.ts'
import type { Servers } from '../support/servers.ts'

type PowerLevels = { users?: Record<string, number> }

/** Who is in a room, and what they may do there. */
export function membershipCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  before(async () => void (company = await Company.meet(servers(), direction)))
  after(() => company?.[Symbol.dispose]())

  // NOTSPEC: Synapse refuses whom a room here has banned with a code of its own.
  const refuses = (act: Promise<unknown>) =>
    assert.rejects(act, ({ errcode }) => ['M_FORBIDDEN', 'M_BAD_STATE'].includes(errcode))

  it('the guest joins by alias, and both see the same room', async () => {
    const alias = `meeting-${process.pid}-${direction[0]}`
    const roomId = await company.room({ room_alias_name: alias, name: 'Meeting', topic: 'All of it' })
    await company.enter(`#${alias}:${company.here.name}`)
    await company.speak(roomId)
    await company.agree(roomId)
    for (const { sdk } of company.both) assert.equal(sdk.getRoom(roomId)?.name, 'Meeting')
  })

  it('an invitation is accepted, shows the room before, and the guest may leave and be invited again', async () => {
    const { host, guest } = company
    const roomId = await company.room({ preset: Preset.PrivateChat, name: 'Private' })
    await refuses(guest.sdk.joinRoom(roomId, { viaServers: [company.here.name] }))
    for (let round = 0; round < 2; round++) {
      await host.sdk.invite(roomId, guest.user.userId)
      await company.membership(guest, roomId, 'invite')
      assert.equal(guest.sdk.getRoom(roomId)?.name, 'Private')
      await company.enter(roomId)
      await company.speak(roomId)
      await guest.sdk.leave(roomId)
      await company.membership(guest, roomId, 'leave')
    }
  })

  it('an invitation is rejected, and another withdrawn', async () => {
    const { host, guest } = company
    const roomId = await company.room({ preset: Preset.PrivateChat })
    await host.sdk.invite(roomId, guest.user.userId)
    await company.membership(guest, roomId, 'invite')
    await guest.sdk.leave(roomId)
    await company.membership(guest, roomId, 'leave')
    await host.sdk.invite(roomId, guest.user.userId)
    await company.membership(guest, roomId, 'invite')
    await host.sdk.kick(roomId, guest.user.userId, 'a mistake')
    await company.membership(guest, roomId, 'leave')
    await refuses(guest.sdk.joinRoom(roomId, { viaServers: [company.here.name] }))
  })

  it('the guest is kicked and returns, is banned and does not, and returns once the ban is lifted', async () => {
    const { host, guest } = company
    const { userId } = guest.user
    const roomId = await company.sharedRoom()
    await host.sdk.kick(roomId, userId, 'out')
    await company.membership(guest, roomId, 'leave')
    await company.enter(roomId)
    await host.sdk.ban(roomId, userId, 'out for good')
    await company.membership(guest, roomId, 'ban')
    await refuses(guest.sdk.joinRoom(roomId, { viaServers: [company.here.name] }))
    await host.sdk.unban(roomId, userId)
    await company.membershipOf(guest, 'leave', { seenBy: host, roomId })
    await company.enter(roomId)
    await company.speak(roomId)
    await company.agree(roomId)
  })

  it("a guest who was given power uses it on users of the room's own server, until it is taken again", async () => {
    const { host, guest } = company
    const roomId = await company.sharedRoom()
    using other = await newClient(company.here, 'other')
    await other.sdk.joinRoom(roomId)
    await refuses(guest.sdk.setRoomTopic(roomId, 'too early'))

    await host.sdk.setPowerLevel(roomId, guest.user.userId, 50)
    for (const one of company.both) await levelIs(one, roomId, 50)
    await guest.sdk.setRoomTopic(roomId, 'by the guest')
    for (const one of company.both)
      await one.until(
        'the topic',
        () => stateOf<{ topic: string }>(one, roomId, EventType.RoomTopic)?.topic === 'by the guest',
      )
    await guest.sdk.kick(roomId, other.user.userId)
    await company.membershipOf(other, 'leave', { seenBy: other, roomId })
    await guest.sdk.ban(roomId, other.user.userId)
    await company.membershipOf(other, 'ban', { seenBy: other, roomId })
    await refuses(other.sdk.joinRoom(roomId))
    await guest.sdk.unban(roomId, other.user.userId)
    await company.membershipOf(other, 'leave', { seenBy: host, roomId })
    await other.sdk.joinRoom(roomId)

    await host.sdk.setPowerLevel(roomId, guest.user.userId, 0)
    for (const one of company.both) await levelIs(one, roomId, 0)
    await refuses(guest.sdk.setRoomTopic(roomId, 'too late'))
    await company.agree(roomId)
  })

  const levelIs = (one: Company['host'], roomId: string, level: number) =>
    one.until(`the level ${level}`, () => {
      const { users } = stateOf<PowerLevels>(one, roomId, EventType.RoomPowerLevels) ?? {}
      return (users?.[company.guest.user.userId] ?? 0) === level
    })

  it('the guest invites a third user of either server', async () => {
    // Synapse's public rooms ask for a level of 50.
    const roomId = await company.sharedRoom({ power_level_content_override: { invite: 0 } })
    for (const home of [company.here, company.there]) {
      using third = await newClient(home, 'third')
      await company.guest.sdk.invite(roomId, third.user.userId)
      await company.membershipOf(third, 'invite', { seenBy: third, roomId })
      await third.sdk.joinRoom(roomId)
      await company.membership(third, roomId, 'join')
    }
    await company.agree(roomId)
  })

  const roomWithRule = (content: Record<string, unknown>, version = '10') =>
    company.room({
      room_version: version,
      preset: Preset.PrivateChat,
      initial_state: [{ type: EventType.RoomJoinRules, state_key: '', content }],
    })

  it('the guest knocks: is let in, is denied, and thinks better of it', async () => {
    const { host, guest } = company
    const { userId } = guest.user
    const roomId = await roomWithRule({ join_rule: JoinRule.Knock })
    await refuses(guest.sdk.joinRoom(roomId, { viaServers: [company.here.name] }))
    const knock = async () => {
      // The SDK itself does nothing for whom it shows as knocking.
      const via = new URLSearchParams({ via: company.here.name, server_name: company.here.name })
      const path = `/_matrix/client/v3/knock/${encodeURIComponent(roomId)}?${via.toString()}`
      accepted(await guest.user.request('POST', path, { reason: 'please' }))
      await company.membership(guest, roomId, 'knock')
    }
    await knock()
    await host.sdk.kick(roomId, userId, 'no')
    // Synapse neither sends a denial to a server that is not in the room, nor believes one.
    await company.membershipOf(guest, 'leave', { seenBy: host, roomId })
    await knock()
    await guest.sdk.leave(roomId)
    await company.membershipOf(guest, 'leave', { seenBy: guest, roomId })
    // Synapse withdraws a knock on a room that it is not in at home alone.
    if (company.there.kind === 'Myelin') await company.membershipOf(guest, 'leave', { seenBy: host, roomId })
    await knock()
    await host.sdk.invite(roomId, userId)
    await company.membership(guest, roomId, 'invite')
    await company.enter(roomId)
    await company.speak(roomId)
    await company.agree(roomId)
  })

  for (const joinRule of ['restricted', 'knock_restricted'])
    it(`${joinRule}: the guest joins as a member of the room that is named, and only so`, async () => {
      const { host, guest } = company
      const door = await company.room()
      const roomId = await roomWithRule({
        join_rule: joinRule,
        allow: [{ type: 'm.room_membership', room_id: door }],
      })
      await refuses(guest.sdk.joinRoom(roomId, { viaServers: [company.here.name] }))
      await company.enter(door)
      await company.enter(roomId)
      const event = host.sdk.getRoom(roomId)?.getMember(guest.user.userId)?.events.member
      assert.equal(event?.getContent()['join_authorised_via_users_server'], host.user.userId)
      await company.speak(roomId)
      await company.agree(roomId)
    })
}
