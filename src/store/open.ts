import { AsyncLocalStorage } from 'node:async_hooks'
import { CacheBudget } from '#base/cache.ts'
import { accessTokens } from './accounts/access-tokens.ts'
import { accountData } from './accounts/account-data.ts'
import { accounts } from './accounts/accounts.ts'
import { authIndex } from './rooms/auth-index.ts'
import { crossSigning } from './e2ee/cross-signing.ts'
import { dehydratedDevices } from './e2ee/dehydrated-devices.ts'
import { deviceKeys } from './e2ee/device-keys.ts'
import { deviceLists } from './e2ee/device-lists.ts'
import { devices } from './accounts/devices.ts'
import { keyBackups } from './e2ee/key-backups.ts'
import { cursors } from './jobs/cursors.ts'
import { jobs } from './jobs/jobs.ts'
import { leases } from './jobs/leases.ts'
import { streamReads } from './jobs/stream-reads.ts'
import { oneTimeKeys } from './e2ee/one-time-keys.ts'
import { toDevice } from './e2ee/to-device.ts'
import { destinationRooms } from './federation/destination-rooms.ts'
import { destinations } from './federation/destinations.ts'
import { outgoingEdus } from './federation/outgoing-edus.ts'
import { relayedEvents } from './federation/relayed-events.ts'
import { serverKeys } from './federation/server-keys.ts'
import { stagedEvents } from './federation/staged-events.ts'
import { filters } from './accounts/filters.ts'
import { interactiveSessions } from './accounts/interactive-sessions.ts'
import { loginTokens } from './accounts/login-tokens.ts'
import { remoteDeviceLists } from './e2ee/remote-device-lists.ts'
import { openidTokens } from './accounts/openid-tokens.ts'
import { profiles } from './accounts/profiles.ts'
import { presences } from './presences.ts'
import { pushers } from './push/pushers.ts'
import { receipts } from './rooms/receipts.ts'
import { roomAliases } from './rooms/room-aliases.ts'
import { refreshTokens } from './accounts/refresh-tokens.ts'
import { registrationNonces } from './accounts/registration-nonces.ts'
import { registrationTokens } from './accounts/registration-tokens.ts'
import type { Db } from './engine/db.ts'
import { deployment } from './deployment.ts'
import type { Claim } from './engine/claim.ts'
import type { Engine } from './engine/engine.ts'
import { earlyRedactions } from './rooms/early-redactions.ts'
import { eventBranches } from './rooms/event-branches.ts'
import { eventWriter } from './rooms/event-writer.ts'
import { events } from './rooms/events.ts'
import { historyGaps } from './rooms/history-gaps.ts'
import { members } from './rooms/members.ts'
import { outsideMemberships } from './rooms/outside-memberships.ts'
import { migrate } from './engine/migrate.ts'
import { openEngine } from './engine/open-engine.ts'
import { partialRooms } from './rooms/partial-rooms.ts'
import { purges } from './rooms/purges.ts'
import { relations } from './rooms/relations.ts'
import { roomCheck } from './rooms/room-check.ts'
import { roomState } from './rooms/room-state.ts'
import { stateReads } from './rooms/state-reads.ts'
import { rooms } from './rooms/rooms.ts'
import { sharing } from './rooms/sharing.ts'
import { streams } from './streams.ts'

/** Every store module by domain, bound to the pool or to one transaction. */
const bind = (db: Db, kind: Engine['kind']) => ({
  accounts: {
    accessTokens: accessTokens(db),
    accountData: accountData(db, kind),
    accounts: accounts(db),
    devices: devices(db),
    filters: filters(db),
    interactiveSessions: interactiveSessions(db),
    loginTokens: loginTokens(db),
    openidTokens: openidTokens(db),
    profiles: profiles(db),
    refreshTokens: refreshTokens(db),
    registrationNonces: registrationNonces(db),
    registrationTokens: registrationTokens(db),
  },
  e2ee: {
    crossSigning: crossSigning(db, kind),
    dehydratedDevices: dehydratedDevices(db, kind),
    deviceKeys: deviceKeys(db, kind),
    deviceLists: deviceLists(db),
    keyBackups: keyBackups(db, kind),
    oneTimeKeys: oneTimeKeys(db, kind),
    remoteDeviceLists: remoteDeviceLists(db, kind),
    toDevice: toDevice(db, kind),
  },
  rooms: {
    aliases: roomAliases(db),
    authIndex: authIndex(db, kind),
    branches: eventBranches(db, kind),
    check: roomCheck(db, kind),
    earlyRedactions: earlyRedactions(db, kind),
    events: events(db, kind),
    gaps: historyGaps(db, kind),
    members: members(db, kind),
    outside: outsideMemberships(db, kind),
    partial: partialRooms(db, kind),
    purges: purges(db, kind),
    receipts: receipts(db, kind),
    relations: relations(db, kind),
    rooms: rooms(db, kind),
    sharing: sharing(db, kind),
    state: roomState(db, kind),
    stateReads: stateReads(db, kind),
  },
  federation: {
    destinationRooms: destinationRooms(db, kind),
    destinations: destinations(db, kind),
    outgoingEdus: outgoingEdus(db, kind),
    relayedEvents: relayedEvents(db, kind),
    serverKeys: serverKeys(db),
    stagedEvents: stagedEvents(db, kind),
  },
  presences: presences(db),
  push: { pushers: pushers(db, kind) },
  jobs: { cursors: cursors(db), jobs: jobs(db, kind), leases: leases(db), streamReads: streamReads(db) },
  streams: streams(db),
  deployment: deployment(db),
})

type Modules = ReturnType<typeof bind>

/** The modules inside a transaction; a nested `transaction` joins it. */
export type Transaction = Modules & { transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> }

export type Store = Transaction & {
  kind: Engine['kind']
  /** All events are written through it. */
  eventWriter: ReturnType<typeof eventWriter>
  /** Rejects when the database cannot be written. */
  ping(): Promise<void>
  /** Makes this process the only one that serves from the database; throws when another one does. */
  claim(): Promise<Claim>
  /** Resolves with the reason when no write will ever succeed again. */
  broken: Promise<Error>
  close(): Promise<void>
}

/** `url`: postgres://… or sqlite:PATH. */
export type StoreOptions = {
  url: string
  poolSize: number
  now: () => number
  /** The memory budget that its caches share. */
  caches?: CacheBudget
  /** Called after each batch of events with its size and its duration in milliseconds. */
  observeBatch?: (events: number, milliseconds: number) => void
}

/** Opens the database, brings it to the newest migration and binds every module to it. */
export async function openStore({
  url,
  poolSize,
  now,
  observeBatch,
  caches = new CacheBudget(Infinity),
}: StoreOptions): Promise<Store> {
  const engine = await openEngine(url, poolSize)
  const inside = new AsyncLocalStorage<true>()
  const position = await prepare(engine).catch(async (error: unknown) => {
    await engine.close()
    throw error
  })
  guard(engine, inside)
  const join = (tx: Db): Transaction => {
    const bound: Transaction = { ...bind(tx, engine.kind), transaction: (work) => work(bound) }
    return bound
  }
  return {
    ...bind(engine.knex, engine.kind),
    kind: engine.kind,
    eventWriter: eventWriter(engine, { position, now, caches, observe: observeBatch }),
    transaction: (work) => engine.knex.transaction((tx) => inside.run(true, () => work(join(tx)))),
    ping: () => engine.ping(),
    claim: () => engine.claim(),
    broken: engine.broken,
    close: () => engine.close(),
  }
}

/** Migrates; answers the newest position of the event stream. */
async function prepare(engine: Engine): Promise<number> {
  await migrate(engine)
  return (await streams(engine.knex).positions()).events
}

/** Using the pool inside a transaction could deadlock on the transaction itself: fail at once instead. */
function guard({ knex }: Engine, inside: AsyncLocalStorage<true>): void {
  const client = knex.client as { acquireConnection(): Promise<unknown> }
  const acquire = client.acquireConnection.bind(client)
  client.acquireConnection = async () => {
    if (inside.getStore()) throw new Error('Use the transaction given, not the store, inside a transaction')
    return acquire()
  }
}
