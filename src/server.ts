import { join } from 'node:path'
import { authenticators } from '#api/authenticators.ts'
import { servedEndpoints } from '#api/index.ts'
import { CacheBudget } from '#base/cache.ts'
import { systemClock, type Clock } from '#base/clock.ts'
import type { Config } from '#base/config/schema.ts'
import { loadKeySeed } from '#base/key-file.ts'
import { KeyedQueue } from '#base/keyed-queue.ts'
import { createLog, type Log } from '#base/log.ts'
import { standardOutput } from '#base/log-output.ts'
import { createMetrics, type Metrics } from '#base/metrics.ts'
import { RateBuckets } from '#base/rate-bucket.ts'
import { systemTokens, type Tokens } from '#base/tokens.ts'
import { Waiters } from '#base/waiters.ts'
import type { Context } from '#context.ts'
import { createApp } from '#http/app.ts'
import type { Endpoint } from '#http/endpoint.ts'
import { openListeners } from '#http/open-listeners.ts'
import { createOutgoing } from '#http/out/client.ts'
import { systemNetwork, type Network } from '#http/out/network.ts'
import { readAuthorities } from '#http/out/authorities.ts'
import { RequestIds } from '#http/request-id.ts'
import { policyKeyId } from './protocol/events/policy-server.ts'
import { signingKeyFromSeed, type SigningKey } from './protocol/events/signing-key.ts'
import { CompiledFilters } from './services/accounts/data/compiled-filters.ts'
import { ErasedUsers } from './services/accounts/data/erased-users.ts'
import { followErasures } from './services/accounts/data/follow-erasures.ts'
import { IgnoredUsers } from './services/accounts/data/ignored-users.ts'
import { followSessionChanges } from './services/accounts/sessions/session-changes.ts'
import { SessionCache } from './services/accounts/sessions/session-cache.ts'
import { noNamespaces } from './services/accounts/registration/user-namespaces.ts'
import { EventQueues } from '#services/federation/receive/transactions/event-queues.ts'
import { startStagedEventsWorker } from '#services/federation/receive/transactions/staged-events-worker.ts'
import { TransactionAnswers } from '#services/federation/receive/transactions/transaction-answers.ts'
import { HistoryPauses } from '#services/federation/history/history-pauses.ts'
import { signByPolicy } from '#services/federation/policy/ask-policy-server.ts'
import { ServerAcls } from '#services/federation/server-acls.ts'
import { CheckThreads } from '#services/federation/receive/check-threads.ts'
import { Destinations } from '#services/remote/destinations.ts'
import { startCompletionWorker } from '#services/federation/join/complete-room.ts'
import { startLeaveWorker } from '#services/federation/join/leave-worker.ts'
import { remoteMemberships } from '#services/federation/join/remote-memberships.ts'
import { KeyRing } from '#services/remote/key-ring.ts'
import { httpsTransport } from '#services/remote/https-transport.ts'
import { readServerAccess } from '#services/remote/server-access.ts'
import type { FederationTransport } from '#services/remote/transport.ts'
import { databaseUrl } from '#base/config/database-url.ts'
import { Presences } from '#services/presence/presences.ts'
import { restorePresence, startPresenceWorker } from './services/presence/presence-worker.ts'
import { startSendingWorker } from '#services/federation/send/start-sending.ts'
import { followPushChanges } from '#services/push/follow-changes.ts'
import { PushRulesets } from '#services/push/push-rulesets.ts'
import { UnreadNotifications } from './services/push/unread-notifications.ts'
import { startProfileWorker } from './services/rooms/membership/profile-worker.ts'
import { startPurgeWorker } from './services/rooms/purge/purge-worker.ts'
import { AccountRooms } from './services/rooms/account-rooms/account-rooms.ts'
import { followAccountRooms } from './services/rooms/account-rooms/follow-changes.ts'
import { LiveRooms } from './services/rooms/live/live-rooms.ts'
import { EventSigner } from '#services/rooms/write/event-signer.ts'
import { SentTransactions } from './services/rooms/write/sent-transactions.ts'
import { EarlyReceipts } from './services/rooms/ephemeral/early-receipts.ts'
import { followEarlyReceipts } from './services/rooms/ephemeral/follow-early-receipts.ts'
import { TypingRooms } from './services/rooms/ephemeral/typing-rooms.ts'
import { followDeviceLists } from '#services/e2ee/device-lists.ts'
import { followKeyStocks } from '#services/e2ee/key-stock.ts'
import { startDeviceListWorker } from '#services/e2ee/remote/refresh-worker.ts'
import { KeyStocks } from '#services/e2ee/key-stocks.ts'
import { syncStreams } from '#services/sync/streams.ts'
import { startWakingWaiters } from '#services/sync/wake-waiters.ts'
import { LazyMembers } from './services/sync/v3/lazy-members.ts'
import { SentCounts } from './services/sync/v3/sent-counts.ts'
import { deleteExpiredEvery, deleteExpired } from './services/maintenance/delete-expired.ts'
import { checkDeployment } from '#services/maintenance/check-deployment.ts'
import type { Claim } from '#store/engine/claim.ts'
import { openStore, type Store } from '#store/open.ts'
import type { Bus } from './bus/bus.ts'
import { controlBus, controlFile, openControlSocket } from './bus/control-socket.ts'
import { localBus } from './bus/local.ts'
import { startRecurringWorker } from './jobs/recurring.ts'
import { allWorkers, listeningWorker, type Worker } from './jobs/worker.ts'

/** Replaced by tests; in production made from the configuration. */
export type Effects = {
  clock: Clock
  tokens: Tokens
  log: Log
  metrics: Metrics
  bus: Bus
  store: Store
  network: Network
  transport: FederationTransport
  /** More endpoints than the server's own. */
  endpoints: readonly Endpoint[]
  /** Validates every reply against its schema. */
  checkReplies: boolean
}

export type RunningServer = AsyncDisposable & {
  url: string
  port: number
  /** Absent without a TLS listener. */
  tlsUrl: string | undefined
  /** Absent without a metrics listener. */
  metricsUrl: string | undefined
  context: Context
  /** Resolves with the reason when the server cannot go on: the caller must close it and end the process. */
  failed: Promise<Error>
  /** Resolves when no background work is left to do. */
  settle(): Promise<void>
  /** Gives requests under way half a second, and closes the store; more calls do nothing. */
  close(): Promise<void>
}

/** Starts a server. Any number may run in one process: they share nothing. */
export async function startServer(config: Config, effects: Partial<Effects> = {}): Promise<RunningServer> {
  const requestIds = new RequestIds(effects.tokens ?? systemTokens)
  const context = await createContext(config, { requestIds, effects })
  const prepare = async () => {
    const app = createApp({
      ctx: context,
      endpoints: [...servedEndpoints(config), ...(effects.endpoints ?? [])],
      authenticators,
      requestIds,
      checkReplies: effects.checkReplies ?? false,
    })
    return { app, claim: await claimData(context) }
  }
  const { app, claim } = await prepare().catch(async (error: unknown) => {
    await closeContext(context)
    throw error
  })
  const work = startWork(context)
  // Only with the claim is it known that no other process answers commands there.
  const closeControl = claim
    ? await openControlSocket(
        { ...context, status: () => ({ untrustedProxy: app.untrustedProxy() }) },
        controlPath(config),
      )
    : async () => {}
  const release = async () => {
    await closeControl()
    await work.stop()
    await closeContext(context)
    await claim?.release()
  }
  const listeners = await openListeners(context, app.listener).catch(async (error: unknown) => {
    await release()
    throw error
  })
  const shutDown = async () => {
    app.stop()
    await listeners.close()
    await app.finish()
    await release()
  }
  let closed: Promise<void> | undefined
  const close = () => (closed ??= shutDown())
  const { main, tls, operations } = listeners
  context.log.info('listening', { url: main.url, tls_url: tls?.url, metrics_url: operations?.url })
  return {
    url: main.url,
    port: main.port,
    tlsUrl: tls?.url,
    metricsUrl: operations?.url,
    context,
    failed: Promise.race([context.store.broken, ...(claim ? [claim.lost] : [])]),
    settle: () => work.settle(),
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** Ensures that the data is this server's and that no other process serves from it; reads what must be in memory then. */
async function claimData(context: Context): Promise<Claim | undefined> {
  const claim = context.config.database.exclusive ? await context.store.claim() : undefined
  try {
    await checkDeployment(context)
    // What a process that was killed had begun need not wait for the end of its leases.
    if (claim) await releaseLeases(context)
    await restorePresence(context)
    return claim
  } catch (error) {
    await claim?.release()
    throw error
  }
}

async function releaseLeases({ store }: Context): Promise<void> {
  await store.jobs.jobs.releaseAll()
  await store.jobs.cursors.releaseAll()
}

/** All background work. */
function startWork(context: Context): Worker {
  return allWorkers([
    listeningWorker(followBus(context)),
    startProfileWorker(context),
    startPurgeWorker(context),
    startDeviceListWorker(context),
    startSendingWorker(context),
    startStagedEventsWorker(context),
    startLeaveWorker(context),
    startCompletionWorker(context),
    startPresenceWorker(context),
    startRecurringWorker(context, {
      name: 'delete expired',
      every: deleteExpiredEvery,
      run: () => deleteExpired(context),
    }),
  ])
}

async function closeContext({
  bus,
  store,
  metrics,
  checkThreads,
  eventSigner,
  presence,
  transport,
  outgoing,
}: Context): Promise<void> {
  presence.stop()
  await transport.close()
  await outgoing.close()
  await checkThreads.close()
  await bus.close()
  await store.close()
  await eventSigner.close()
  metrics.close()
}

/** Applies bus messages to this process's caches and waiting requests. */
function followBus(context: Context): (() => void)[] {
  return [
    // Caches first: woken requests must not read outdated values.
    followSessionChanges(context),
    followKeyStocks(context),
    followPushChanges(context),
    followErasures(context),
    followAccountRooms(context),
    followDeviceLists(context),
    followEarlyReceipts(context),
    startWakingWaiters(context),
  ]
}

/** Runs work with a server's context without serving requests: for commands, also beside the running server. */
export function withContext<T>(config: Config, work: (ctx: Context) => Promise<T>): Promise<T> {
  return withUncheckedContext(config, async (context) => {
    await checkDeployment(context)
    return work(context)
  })
}

/** The same without the check that the data belongs to this server. */
export async function withUncheckedContext<T>(config: Config, work: (ctx: Context) => Promise<T>): Promise<T> {
  const effects = { bus: controlBus(controlPath(config)) }
  const context = await createContext(config, { requestIds: new RequestIds(systemTokens), effects })
  try {
    return await work(context)
  } finally {
    await closeContext(context)
  }
}

const controlPath = (config: Config): string => join(config.data_dir, controlFile)

type Making = { requestIds: RequestIds; effects: Partial<Effects> }

async function createContext(config: Config, { requestIds, effects }: Making): Promise<Context> {
  const authorities = await readAuthorities(config.outgoing.ca_files)
  const clock = effects.clock ?? systemClock
  const tokens = effects.tokens ?? systemTokens
  const metrics = effects.metrics ?? createMetrics()
  const log = effects.log ?? openLog(config, { requestIds, metrics })
  const waiters = new Waiters(syncStreams)
  const notAnnounced = (error: unknown) => log.warn('a change was not announced', { error })
  metrics.countWaiting(() => waiters.size)
  const caches = new CacheBudget(config.memory.cache_bytes)
  metrics.countCaches(caches)
  const { signingKey, store } = await openData(config, { clock, metrics, tokens, caches, given: effects.store }).catch(
    (error: unknown) => {
      metrics.close()
      throw error
    },
  )
  const network = effects.network ?? systemNetwork()
  const outgoing = createOutgoing({ config, clock, network, authorities, metrics })
  const transport = effects.transport ?? httpsTransport({ outgoing, clock, tokens, log })
  const serverAccess = readServerAccess(config)
  const destinations = new Destinations(clock)
  const policyKey = config.federation.policy_server ? await loadPolicyKey(config, tokens) : undefined
  const asking = { config, clock, log, caches, store, signingKey, policyKey, transport, serverAccess, destinations }
  const context: Context = {
    ...asking,
    ...{ outgoing, tokens, metrics, waiters },
    keyRing: new KeyRing(asking),
    eventSigner: new EventSigner(signingKey),
    sessions: new SessionCache(clock, caches),
    userNamespaces: noNamespaces,
    lazyMembers: new LazyMembers(caches),
    sentCounts: new SentCounts(caches),
    filters: new CompiledFilters(caches),
    erasedUsers: new ErasedUsers(store),
    ignoredUsers: new IgnoredUsers(store, caches),
    pushRulesets: new PushRulesets(store, caches),
    unread: new UnreadNotifications(caches),
    keyStocks: new KeyStocks(store, caches),
    earlyReceipts: new EarlyReceipts(),
    typing: new TypingRooms(clock, notAnnounced),
    presence: new Presences(clock, { onError: notAnnounced }),
    processId: tokens.id(8),
    locks: new KeyedQueue(),
    checkThreads: new CheckThreads(),
    signByPolicy: signByPolicy(asking),
    serverAcls: new ServerAcls(),
    historyPauses: new HistoryPauses(),
    incomingEvents: new EventQueues(),
    transactionAnswers: new TransactionAnswers(caches),
    accountRooms: new AccountRooms(store, caches),
    rooms: new LiveRooms(store, config.server_name, caches),
    sentTransactions: new SentTransactions(store, caches),
    bus: effects.bus ?? localBus(log),
    rateBuckets: new RateBuckets(config.rate_limits, clock),
    remoteMembership: remoteMemberships(() => context),
  }
  return context
}

function openLog(
  { logging: { level } }: Config,
  { requestIds, metrics }: Pick<Making, 'requestIds'> & Pick<Context, 'metrics'>,
): Log {
  const destination = standardOutput()
  metrics.countLostLogLines(() => destination.lost)
  return createLog({ level, destination, requestId: requestIds.current })
}

async function loadSigningKey(config: Config, tokens: Tokens): Promise<SigningKey> {
  const { keyId, seed } = await loadKeySeed(join(config.data_dir, 'signing.key'), tokens)
  return signingKeyFromSeed({ serverName: config.server_name, keyId }, seed)
}

async function loadPolicyKey(config: Config, tokens: Tokens): Promise<SigningKey> {
  const { seed } = await loadKeySeed(join(config.data_dir, 'policy.key'), tokens)
  return signingKeyFromSeed({ serverName: config.server_name, keyId: policyKeyId }, seed)
}

type Watching = Pick<Context, 'clock' | 'metrics' | 'caches'>

async function openData(
  config: Config,
  { tokens, given, ...watching }: Watching & Pick<Context, 'tokens'> & { given: Store | undefined },
): Promise<Pick<Context, 'signingKey' | 'store'>> {
  const signingKey = await loadSigningKey(config, tokens)
  return { signingKey, store: given ?? (await openConfiguredStore(config, watching)) }
}

const openConfiguredStore = (config: Config, { clock, metrics, caches }: Watching): Promise<Store> =>
  openStore({
    url: databaseUrl(config),
    poolSize: config.database.pool_size,
    now: () => clock.now(),
    caches,
    observeBatch: (events, ms) => metrics.batchWritten({ events, ms }),
  })
