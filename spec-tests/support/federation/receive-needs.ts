import type { Clock } from '#base/clock.ts'
import { systemTokens } from '#base/tokens.ts'
import { localBus } from '#bus/local.ts'
import type { Context } from '#context.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { KeyId } from '#protocol/events/signing-key.ts'
import type { FindKey } from '#services/remote/server-key.ts'
import type { MissingEvents, ReceiveNeeds } from '#services/federation/receive/ports.ts'
import { ServerAcls } from '#services/federation/server-acls.ts'
import { LiveRooms } from '#services/rooms/live/live-rooms.ts'
import { EventSigner } from '#services/rooms/write/event-signer.ts'
import { SentTransactions } from '#services/rooms/write/sent-transactions.ts'
import type { Store } from '#store/open.ts'
import { keyOf } from '../generators/server-keys.ts'

/** Finds the key that a server of the tests has under any key id; it never expires. */
export const findTestKey: FindKey = async (server, keyId) => ({
  ...keyOf(server, keyId as KeyId),
  validUntil: Infinity,
})

/** A server that has nothing. */
export const silent: MissingEvents = {
  fetchEvents: async () => [],
  fetchMissing: async () => [],
  fetchStateIds: async () => undefined,
  fetchState: async () => [],
}

export type ReceivingContext = ReceiveNeeds & Pick<Context, 'config'>

type Receiving = { serverName: ServerName; clock: Clock; missingEvents?: MissingEvents }

/** As much of a server as events of others need, over a store. */
export function receivingContext(
  store: Store,
  { serverName, clock, missingEvents = silent }: Receiving,
): ReceivingContext {
  return {
    store,
    clock,
    bus: localBus(),
    rooms: new LiveRooms(store, serverName),
    sentTransactions: new SentTransactions(store),
    signingKey: keyOf(serverName),
    eventSigner: new EventSigner(keyOf(serverName)),
    tokens: systemTokens,
    config: { server_name: serverName } as Context['config'],
    findKey: findTestKey,
    missingEvents,
    serverAcls: new ServerAcls(),
  }
}
