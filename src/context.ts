import type { CacheBudget } from '#base/cache.ts'
import type { Clock } from '#base/clock.ts'
import type { Config } from '#base/config/schema.ts'
import type { KeyedQueue } from '#base/keyed-queue.ts'
import type { Log } from '#base/log.ts'
import type { Metrics } from '#base/metrics.ts'
import type { Outgoing } from '#base/outgoing.ts'
import type { RateBuckets } from '#base/rate-bucket.ts'
import type { Tokens } from '#base/tokens.ts'
import type { Waiters } from '#base/waiters.ts'
import type { Bus } from './bus/bus.ts'
import type { SigningKey } from './protocol/events/signing-key.ts'
import type { CompiledFilters } from './services/accounts/data/compiled-filters.ts'
import type { SessionCache } from './services/accounts/sessions/session-cache.ts'
import type { UserNamespaces } from './services/accounts/registration/user-namespaces.ts'
import type { EventQueues } from '#services/federation/receive/transactions/event-queues.ts'
import type { TransactionAnswers } from '#services/federation/receive/transactions/transaction-answers.ts'
import type { HistoryPauses } from '#services/federation/history/history-pauses.ts'
import type { ServerAcls } from '#services/federation/server-acls.ts'
import type { CheckThreads } from '#services/federation/receive/check-threads.ts'
import type { Destinations } from '#services/remote/destinations.ts'
import type { KeyRing } from '#services/remote/key-ring.ts'
import type { ServerAccess } from '#services/remote/server-access.ts'
import type { FederationTransport } from '#services/remote/transport.ts'
import type { Presences } from '#services/presence/presences.ts'
import type { ErasedUsers } from './services/accounts/data/erased-users.ts'
import type { IgnoredUsers } from './services/accounts/data/ignored-users.ts'
import type { PushRulesets } from '#services/push/push-rulesets.ts'
import type { UnreadNotifications } from './services/push/unread-notifications.ts'
import type { AccountRooms } from './services/rooms/account-rooms/account-rooms.ts'
import type { LiveRooms } from './services/rooms/live/live-rooms.ts'
import type { RemoteMembership } from './services/rooms/membership/remote-membership.ts'
import type { EventSigner } from './services/rooms/write/event-signer.ts'
import type { SignByPolicy } from './services/rooms/write/policy-port.ts'
import type { SentTransactions } from './services/rooms/write/sent-transactions.ts'
import type { EarlyReceipts } from './services/rooms/ephemeral/early-receipts.ts'
import type { TypingRooms } from './services/rooms/ephemeral/typing-rooms.ts'
import type { KeyStocks } from '#services/e2ee/key-stocks.ts'
import type { SyncStream } from '#services/sync/streams.ts'
import type { LazyMembers } from './services/sync/v3/lazy-members.ts'
import type { SentCounts } from './services/sync/v3/sent-counts.ts'
import type { Store } from '#store/open.ts'

export type { Transaction } from '#store/open.ts'

/** The effects a request may have. Logic is never in here: services are imported. */
export type Context = {
  config: Config
  store: Store
  bus: Bus
  clock: Clock
  tokens: Tokens
  log: Log
  metrics: Metrics
  signingKey: SigningKey
  /** With it this server recommends events of rooms that chose it as their Policy Server; absent where it is none. */
  policyKey: SigningKey | undefined
  /** Signs new events with the signing key. */
  eventSigner: EventSigner
  rateBuckets: RateBuckets
  /** The one way to other machines. */
  outgoing: Outgoing
  /** Carries requests to other servers. */
  transport: FederationTransport
  /** With which servers the administrator lets this one speak. */
  serverAccess: ServerAccess
  /** Which servers do not answer. */
  destinations: Destinations
  /** The signing keys of all servers. */
  keyRing: KeyRing
  /** Changes of membership that need other servers. */
  remoteMembership: RemoteMembership
  /** The memory that all caches share. */
  caches: CacheBudget
  /** Locks of this process by name, for work that must not run concurrently. */
  locks: KeyedQueue
  /** The rooms this process has in memory. */
  rooms: LiveRooms
  /** The rooms of recently active accounts, and where these last moved. */
  accountRooms: AccountRooms
  /** Threads that check signatures of events in bulk. */
  checkThreads: CheckThreads
  /** Asks Policy Servers about our own events. */
  signByPolicy: SignByPolicy
  /** Whom the ACLs of rooms let take part. */
  serverAcls: ServerAcls
  /** Rooms whose history could not be had a moment ago. */
  historyPauses: HistoryPauses
  /** Events of other servers that wait for their turn. */
  incomingEvents: EventQueues
  /** Answers to transactions of other servers. */
  transactionAnswers: TransactionAnswers
  /** The transaction ids that devices have used. */
  sentTransactions: SentTransactions
  /** The members that were sent to each device, for lazy loading. */
  lazyMembers: LazyMembers
  /** The unread counts that were last sent to each device. */
  sentCounts: SentCounts
  /** Compiled filters. */
  filters: CompiledFilters
  /** Whose accounts are erased. */
  erasedUsers: ErasedUsers
  /** The ignored users of each user. */
  ignoredUsers: IgnoredUsers
  /** Compiled push rules, by user. */
  pushRulesets: PushRulesets
  /** The unread notifications of each user. */
  unread: UnreadNotifications
  /** The one-time key counts of devices. */
  keyStocks: KeyStocks
  typing: TypingRooms
  /** Receipts of other servers for events that are not here yet. */
  earlyReceipts: EarlyReceipts
  presence: Presences
  /** Unique to this run of this process. */
  processId: string
  /** Waiting requests by user and by device, and which streams have moved for these. */
  waiters: Waiters<SyncStream>
  /** Recently used access tokens. */
  sessions: SessionCache
  /** The exclusive user namespaces of application services. */
  userNamespaces: UserNamespaces
}
