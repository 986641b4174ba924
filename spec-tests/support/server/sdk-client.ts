import {
  AuthType,
  ClientEvent,
  MatrixError,
  MatrixEventEvent,
  RoomEvent,
  RoomMemberEvent,
  RoomStateEvent,
  UserEvent,
  createClient,
  type AuthDict,
  type ICreateClientOpts,
  type MatrixClient,
  type MatrixEvent,
} from 'matrix-js-sdk'
import {
  CryptoEvent,
  type GeneratedSecretStorageKey,
  type VerificationRequest,
} from 'matrix-js-sdk/lib/crypto-api/index.js'
import { logger, type Logger } from 'matrix-js-sdk/lib/logger.js'
import { RustBackupManager } from 'matrix-js-sdk/lib/rust-crypto/backup.js'
import { testPassword, type TestUser } from './client.ts'

const silent: Logger = {
  trace: () => {},
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  getChild: () => silent,
}

/** What may have happened when something awaited is there. */
const news = [
  ClientEvent.Sync,
  ClientEvent.AccountData,
  MatrixEventEvent.Decrypted,
  RoomEvent.Timeline,
  RoomEvent.LocalEchoUpdated,
  RoomEvent.Receipt,
  RoomEvent.Redaction,
  RoomMemberEvent.Typing,
  RoomStateEvent.Members,
  UserEvent.Presence,
  CryptoEvent.DevicesUpdated,
  CryptoEvent.KeyBackupStatus,
  CryptoEvent.KeyBackupSessionsRemaining,
  CryptoEvent.KeyBackupDecryptionKeyCached,
  CryptoEvent.KeysChanged,
  CryptoEvent.UserTrustStatusChanged,
  CryptoEvent.VerificationRequestReceived,
] as const

type Found<T> = Exclude<T, undefined | null | false>

/** Only what hangs takes as long: encryption is a hundred requests, and the machine may be busy with other things. */
export const deadlineMs = 30_000

/** One device that runs `matrix-js-sdk` with its Rust crypto, everything in memory; disposing stops its timers. */
export class SdkClient {
  readonly sdk: MatrixClient
  readonly user: TestUser
  /** What a person would have written down. */
  recoveryKey: GeneratedSecretStorageKey | undefined
  /** What is shown to a person, the oldest first. The SDK holds them weakly: of one that nobody holds no more is heard. */
  readonly verifications: VerificationRequest[] = []

  constructor(url: string, user: TestUser, options: Partial<ICreateClientOpts> = {}) {
    this.user = user
    const { userId, deviceId, accessToken } = user
    this.sdk = createClient({
      baseUrl: url,
      userId,
      deviceId,
      accessToken,
      logger: silent,
      disableVoip: true,
      cryptoCallbacks: { getSecretStorageKey: async ({ keys }) => this.#storageKey(Object.keys(keys)) },
      ...options,
    })
    this.sdk.on(CryptoEvent.VerificationRequestReceived, (request) => void this.verifications.push(request))
  }

  /** Starts encryption and syncing, and waits for the first sync. */
  async start(): Promise<this> {
    // Parts of the SDK speak to the logger of all clients.
    Object.assign(logger, silent, { log: () => {} })
    // The SDK waits up to ten seconds before it backs keys up, to be kind to large servers.
    Object.assign(RustBackupManager, { maxBackupLoopStartDelayMillis: 0 })
    await this.sdk.initRustCrypto({ useIndexedDB: false })
    await this.sdk.startClient({
      threadSupport: true,
      lazyLoadMembers: true,
      initialSyncLimit: 50,
      pollTimeout: 10_000,
    })
    await this.until('the first sync', () => this.sdk.isInitialSyncComplete())
    return this
  }

  [Symbol.dispose](): void {
    this.sdk.stopClient()
    this.sdk.http.abort()
  }

  get crypto() {
    const crypto = this.sdk.getCrypto()
    if (!crypto) throw new Error('Encryption has not started')
    return crypto
  }

  /** Makes cross-signing keys, also in the place of others, secret storage behind a new recovery key, and a key backup. */
  async setUpEncryption(): Promise<void> {
    await this.crypto.bootstrapCrossSigning({
      setupNewCrossSigning: true,
      authUploadDeviceSigningKeys: (upload) => this.#uploadWithPassword(upload),
    })
    await this.crypto.bootstrapSecretStorage({
      setupNewSecretStorage: true,
      setupNewKeyBackup: true,
      createSecretStorageKey: async () => (this.recoveryKey = await this.crypto.createRecoveryKeyFromPassphrase()),
    })
  }

  /** Asks the other devices of the user to verify this one. */
  async requestVerification(): Promise<VerificationRequest> {
    const request = await this.crypto.requestOwnUserVerification()
    this.verifications.push(request)
    return request
  }

  /** Resolves with what `look` finds, which is asked again whenever the SDK has news. */
  async until<T>(what: string, look: () => T | Promise<T>, withinMs = deadlineMs): Promise<Found<T>> {
    const { promise, resolve, reject } = Promise.withResolvers<Found<T>>()
    const ask = () => {
      const answer = async () => {
        const found = await look()
        if (found !== undefined && found !== null && found !== false) resolve(found as Found<T>)
      }
      answer().catch(reject)
    }
    const tooLate = () => reject(new Error(`${this.user.userId} on ${this.user.deviceId} waited in vain for ${what}`))
    const deadline = setTimeout(tooLate, withinMs)
    for (const event of news) this.sdk.on(event, ask)
    ask()
    try {
      return await promise
    } finally {
      clearTimeout(deadline)
      for (const event of news) this.sdk.off(event, ask)
    }
  }

  /** The event, once it is here and readable. */
  readable(roomId: string, eventId: string, withinMs = deadlineMs): Promise<MatrixEvent> {
    const find = () => {
      const event = this.sdk.getRoom(roomId)?.findEventById(eventId)
      return event && !event.isBeingDecrypted() && !event.shouldAttemptDecryption() && !event.isDecryptionFailure()
        ? event
        : undefined
    }
    return this.until(`the event ${eventId}`, find, withinMs)
  }

  /** All events of the room on this device, those of threads too. */
  eventsOf(roomId: string): MatrixEvent[] {
    const room = this.sdk.getRoom(roomId)
    if (!room) return []
    return [room.getLiveTimeline(), ...room.getThreads().map(({ liveTimeline }) => liveTimeline)].flatMap((timeline) =>
      timeline.getEvents(),
    )
  }

  /** The password is asked for where there are keys already. */
  async #uploadWithPassword(upload: (auth: AuthDict | null) => Promise<unknown>): Promise<void> {
    try {
      await upload(null)
    } catch (error) {
      if (!(error instanceof MatrixError) || error.httpStatus !== 401) throw error
      const { session } = error.data as { session: string }
      const identifier = { type: 'm.id.user', user: this.user.userId }
      await upload({ type: AuthType.Password, session, identifier, password: testPassword })
    }
  }

  async #storageKey(keyIds: string[]): Promise<[string, Uint8Array<ArrayBuffer>] | null> {
    const id = (await this.sdk.secretStorage.getDefaultKeyId()) ?? keyIds[0]
    return id !== undefined && this.recoveryKey ? [id, this.recoveryKey.privateKey] : null
  }
}

/**
 * Lets no timer hold the process: the SDK leaves those of requests long answered behind, for a minute and more. Timers
 * still fire while there is anything else to do. Answers what undoes it.
 */
export function releaseTimers(): () => void {
  const original = globalThis.setTimeout
  const released = (...of: Parameters<typeof setTimeout>) => original(...of).unref()
  globalThis.setTimeout = Object.assign(released, original)
  return () => void (globalThis.setTimeout = original)
}
