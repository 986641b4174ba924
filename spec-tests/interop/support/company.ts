import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { EventType } from 'matrix-js-sdk'
import { Preset, type ICreateRoomOpts } from 'matrix-js-sdk'
import { accepted } from '../../support/server/client.ts'
import { SdkClient } from '../../support/server/sdk-client.ts'
import { encryptedState } from '../../support/sdk/conversation.ts'
import { eventually } from './eventually.ts'
import type { Homeserver } from './homeserver.ts'
import type { Servers } from './servers.ts'

export type Direction = readonly [here: 'Myelin' | 'Synapse', there: 'Myelin' | 'Synapse']

/** A user here who makes rooms, and a guest of another server. */
export class Company implements Disposable {
  readonly here: Homeserver
  readonly there: Homeserver
  readonly host: SdkClient
  readonly guest: SdkClient

  private constructor(servers: readonly [Homeserver, Homeserver], clients: readonly [SdkClient, SdkClient]) {
    ;[this.here, this.there] = servers
    ;[this.host, this.guest] = clients
  }

  /** Both with accounts of their own, encryption and a running sync. */
  static async meet(servers: Servers, [here, there]: Direction): Promise<Company> {
    const homes = [servers[here], servers[there]] as const
    const [host, guest] = await Promise.all([newClient(homes[0], 'host'), newClient(homes[1], 'guest')])
    return new Company(homes, [host, guest])
  }

  get both(): readonly [SdkClient, SdkClient] {
    return [this.host, this.guest]
  }

  /** A room of the host's that nobody else is in. */
  async room(options: ICreateRoomOpts = {}): Promise<string> {
    const { room_id: roomId } = await this.host.sdk.createRoom({ preset: Preset.PublicChat, ...options })
    return roomId
  }

  /** A room that both are in. */
  async sharedRoom(options: ICreateRoomOpts = {}): Promise<string> {
    const roomId = await this.room(options)
    await this.enter(roomId)
    return roomId
  }

  /** An encrypted room to which the host invited the guest, and both are in. */
  async secretRoom(): Promise<string> {
    const roomId = await this.room({
      preset: Preset.TrustedPrivateChat,
      invite: [this.guest.user.userId],
      is_direct: true,
      initial_state: [encryptedState],
    })
    await this.membership(this.guest, roomId, 'invite')
    await this.enter(roomId)
    for (const one of this.both) await one.until('encryption', () => one.sdk.getRoom(roomId)?.hasEncryptionStateEvent())
    return roomId
  }

  /** Lets the guest join. */
  async enter(roomIdOrAlias: string): Promise<void> {
    const { roomId } = await this.guest.sdk.joinRoom(roomIdOrAlias, { viaServers: [this.here.name] })
    for (const one of this.both) await this.membershipOf(this.guest, 'join', { seenBy: one, roomId })
  }

  /** Both servers show the user to have this membership. */
  async membership(of: SdkClient, roomId: string, membership: string): Promise<void> {
    for (const seenBy of this.both) await this.membershipOf(of, membership, { seenBy, roomId })
  }

  /** Sends a message of each, which the other sees. */
  async speak(roomId: string): Promise<void> {
    for (const [from, to] of [this.both, this.both.toReversed() as [SdkClient, SdkClient]]) {
      const body = `from ${from.user.userId}`
      const { event_id: eventId } = await from.sdk.sendTextMessage(roomId, body)
      const seen = await to.readable(roomId, eventId)
      assert.equal(seen.getContent().body, body)
    }
  }

  /** The state of the room is the same, event by event, on both servers; answers it. */
  async agree(roomId: string): Promise<Map<string, unknown>> {
    let states: Map<string, unknown>[] = []
    const equal = async () => {
      states = await Promise.all(this.both.map((one) => stateSeenBy(one, roomId)))
      return isDeepStrictEqual(states[0], states[1])
    }
    await eventually('equal states', equal).catch(() => assert.deepEqual(states[0], states[1]))
    return states[0]!
  }

  [Symbol.dispose](): void {
    for (const one of this.both) one[Symbol.dispose]()
  }

  async membershipOf(
    of: SdkClient,
    membership: string,
    { seenBy, roomId }: { seenBy: SdkClient; roomId: string },
  ): Promise<void> {
    const { userId } = of.user
    await seenBy.until(`${userId} to be shown as ${membership}`, () => {
      const room = seenBy.sdk.getRoom(roomId)
      return of === seenBy ? room?.getMyMembership() === membership : room?.getMember(userId)?.membership === membership
    })
  }
}

let count = 0

/** A client of a new account of the server, which runs. */
export async function newClient(server: Homeserver, name: string): Promise<SdkClient> {
  const user = await server.register(`${name}${++count}-${process.pid}`)
  return new SdkClient(server.url, user).start()
}

type StateEvent = { type: string; state_key: string; event_id: string; sender: string; content: unknown }

async function stateSeenBy({ user }: SdkClient, roomId: string): Promise<Map<string, unknown>> {
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/state`
  const events = accepted(await user.request('GET', path)) as StateEvent[]
  return new Map(
    events
      .map(({ type, state_key, event_id, sender, content }): [string, unknown] => [
        `${type} ${state_key}`,
        { event_id, sender, content },
      ])
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  )
}

/** The content of a state event as the client's device has it. */
export function stateOf<T extends object>(client: SdkClient, roomId: string, type: EventType | string): T | undefined {
  return client.sdk.getRoom(roomId)?.currentState.getStateEvents(type, '')?.getContent<T>()
}
