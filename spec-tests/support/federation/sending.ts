import type { Context } from '#context.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { createRoom } from '../rooms/rooms.ts'
import type { TestUser } from '../server/client.ts'
import type { TestServer } from '../server/server.ts'
import { FakePeer, memberRemotely } from './fake-peer.ts'
import { startFederation, type Federation } from './network.ts'

/** A server with a user, and others that write down what it sends them. */
export type Sending = AsyncDisposable &
  Pick<Federation, 'network' | 'clock' | 'settle'> & {
    server: TestServer
    ctx: Context
    alice: TestUser
    peer(name: string): FakePeer
    /** A public room of Alice with a user of each of these servers. */
    room(peers?: readonly FakePeer[], body?: object): Promise<RoomId>
    /** Moves time on, and lets everything happen that this causes. */
    pass(ms: number): Promise<void>
  }

/** Starts `a.test`, with Alice. */
export async function startSending(settings: Record<string, unknown> = {}): Promise<Sending> {
  const federation = await startFederation(['a.test'], { settings })
  const { network, clock, settle } = federation
  const [server] = federation.servers as [TestServer]
  const ctx = server.context
  const alice = await server.register('alice')
  return {
    network,
    clock,
    server,
    ctx,
    alice,
    settle,
    peer: (name) => new FakePeer(network, name),
    async room(peers = [], body = { preset: 'public_chat' }) {
      const roomId = await createRoom(alice, body)
      for (const { name } of peers) await memberRemotely(ctx, roomId, [userAt(name), 'join'])
      return roomId
    },
    async pass(ms) {
      await clock.advance(ms)
      await settle()
    },
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  }
}

/** The one user of a server. */
export const userAt = (server: string): UserId => `@user:${server}`
