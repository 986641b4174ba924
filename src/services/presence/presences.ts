import type { Clock } from '#base/clock.ts'
import { Coalescer } from '#base/coalescer.ts'
import type { UserId } from '#protocol/ids.ts'
import type { PresenceState, StoredPresence } from '#store/presences.ts'
import type { PresenceContent } from './presence-content.ts'
import { RemotePresences, type RemotePresence } from './remote-presences.ts'

/** The presence that a device sets. */
export type Sighting = {
  userId: UserId
  /** '' for requesters without a device. */
  deviceId: string
  /** Absent: keeps what the user set for the device, else online. */
  state?: PresenceState | undefined
  /** Whether set by PUT /presence, and not merely by a sync. */
  isStated?: boolean
  /** How long its request may wait, in ms. */
  staysFor?: number
}

type Device = { state: PresenceState; isStated: boolean; seenAt: number; seenUntil: number }

type Presence = {
  devices: Map<string, Device>
  /** As of the serial: it changes with a request of the user, or with the sweep. */
  state: PresenceState
  status: string | undefined
  activeAt: number | undefined
  serial: number
}

/** How long without a request an online device becomes idle, and after how long it is offline. */
const idleAfterMs = 2 * 60 * 1000
const goneAfterMs = 5 * 60 * 1000
/** The interval at which timeouts of all users are checked. */
const sweepEveryMs = 30_000
/** So many users are in memory; those of whom there was no news for longest are read again where they are asked for. */
export const maxPresences = 50_000
/** So many users who are present are passed over in search of one to leave out. */
const passedOverAtMost = 32
/** Beyond, the least recently seen device of a user is dropped. */
const maxDevices = 50
const strength: Readonly<Record<PresenceState, number>> = { offline: 0, unavailable: 1, online: 2 }

/**
 * The presence of users as this process holds it: the most active device of a user counts. What changes is saved a
 * moment later; requests that change nothing for others are not.
 */
export class Presences {
  /** Throttles announcements of all users together: a change may concern thousands. */
  readonly announcements: Coalescer
  /** Users whose newest presence is not announced yet. */
  readonly unannounced = new Set<UserId>()
  /** Users whose newest presence is not saved yet. */
  readonly unsaved = new Set<UserId>()
  /** Users here who see what other servers said of theirs, and were not woken yet. */
  readonly unannouncedTo = new Set<UserId>()
  readonly #clock: Pick<Clock, 'now' | 'every'>
  readonly #capacity: number
  /** In the order of their last change. */
  readonly #users = new Map<UserId, Presence>()
  readonly #remote: RemotePresences
  #serial: number
  #stopSweeping: (() => void) | undefined

  constructor(
    clock: Pick<Clock, 'now' | 'every' | 'after'>,
    { capacity = maxPresences, onError = () => {} }: { capacity?: number; onError?: (error: unknown) => void } = {},
  ) {
    this.#clock = clock
    this.announcements = new Coalescer(clock, { burst: 10, everyMs: 250, onError })
    this.#remote = new RemotePresences(clock)
    this.#capacity = capacity
    this.#serial = clock.now()
  }

  /** The serial of the newest change. */
  get serial(): number {
    return this.#serial
  }

  find(userId: UserId): PresenceContent | undefined {
    const presence = this.#users.get(userId)
    return presence ? this.#content(presence) : this.#remote.find(userId)
  }

  /** Takes in what another server says of its user; true when it changed for others. */
  hear(presence: RemotePresence): boolean {
    const serial = Math.max(this.#serial + 1, this.#clock.now())
    const isNews = this.#remote.hear(presence, serial)
    if (isNews) this.#serial = serial
    return isNews
  }

  /** Records a request of a device; true when the user's presence changed for others. */
  see({ userId, deviceId, state, isStated = false, staysFor = 0 }: Sighting): boolean {
    const now = this.#clock.now()
    const presence = this.#users.get(userId) ?? this.#add(userId)
    const known = presence.devices.get(deviceId)
    const kept = known?.isStated ? known : { state: 'online' as const, isStated: false }
    const shown = state === undefined ? kept : { state, isStated }
    if (isStated && !(known?.isStated && known.state === state)) this.unsaved.add(userId)
    presence.devices.delete(deviceId)
    presence.devices.set(deviceId, { ...shown, seenAt: now, seenUntil: now + staysFor })
    const [first] = presence.devices.keys()
    if (presence.devices.size > maxDevices && first !== undefined) presence.devices.delete(first)
    if (shown.state === 'online') presence.activeAt = now
    return this.#settle(userId, presence)
  }

  /** Sets the user's status; true when the user's presence changed for others. */
  say(userId: UserId, status: string | undefined): boolean {
    const presence = this.#users.get(userId) ?? this.#add(userId)
    if (presence.status === status) return false
    presence.status = status
    this.#change(userId, presence)
    return true
  }

  /** Ends the presence of a user, and forgets the status. */
  end(userId: UserId): void {
    const presence = this.#users.get(userId)
    if (!presence) return
    presence.devices.clear()
    Object.assign(presence, { state: 'offline', status: undefined, activeAt: undefined })
    this.#change(userId, presence)
  }

  has(userId: UserId): boolean {
    return this.#users.has(userId)
  }

  /** Takes in what was saved, the newest first. Who was present counts as seen just now: their devices come back, or time out. */
  restore(saved: readonly StoredPresence[]): void {
    const now = this.#clock.now()
    for (const { userId, state, status, activeAt, serial, devices } of saved.toReversed()) {
      if (this.#users.has(userId)) continue
      const presence = this.#add(userId)
      Object.assign(presence, { state, status, activeAt, serial })
      for (const { deviceId, ...shown } of devices) {
        const isIdle = shown.state === 'online' && state !== 'online'
        const seenAt = isIdle ? now - idleAfterMs - 1 : now
        presence.devices.set(deviceId, { ...shown, seenAt, seenUntil: seenAt })
      }
      this.#serial = Math.max(this.#serial, serial)
    }
  }

  /** What is to be saved of some users; those who are not in memory are left out. */
  saved(userIds: readonly UserId[]): StoredPresence[] {
    return userIds.flatMap((userId) => {
      const presence = this.#users.get(userId)
      if (!presence) return []
      const { state, status, activeAt, serial } = presence
      const devices = [...presence.devices].map(([deviceId, shown]) => ({
        deviceId,
        state: shown.state,
        isStated: shown.isStated,
      }))
      return [{ userId, state, status, activeAt, serial, devices }]
    })
  }

  /** Users with a device that has not timed out. */
  present(): UserId[] {
    return [...this.#users].filter(([, { devices }]) => devices.size > 0).map(([userId]) => userId)
  }

  /** Calls `changed` with users whose presence has timed out, as long as any user is present. */
  watch(changed: (userIds: UserId[]) => void): void {
    this.#stopSweeping ??= this.#clock.every(sweepEveryMs, () => {
      const users = [...this.#users].filter(([userId, presence]) => this.#settle(userId, presence))
      const gone = this.#remote.sweep(() => (this.#serial = Math.max(this.#serial + 1, this.#clock.now())))
      if (users.length + gone.length > 0) changed([...users.map(([userId]) => userId), ...gone])
      if (this.present().length === 0 && !this.#remote.isLively) this.stop()
    })
  }

  stop(): void {
    this.#stopSweeping?.()
    this.#stopSweeping = undefined
  }

  /** Users who changed after a serial. 0: all users who are present. */
  changes(after: number): Map<UserId, PresenceContent> {
    if (after >= this.#serial) return new Map()
    const changes = new Map<UserId, PresenceContent>(this.#remote.changes(after))
    for (const [userId, presence] of this.#users)
      if (presence.serial > after || after === 0) {
        const content = this.#content(presence)
        if (after > 0 || content.presence !== 'offline') changes.set(userId, content)
      }
    return changes
  }

  /** Drops devices that have timed out, and updates the user's presence. */
  #settle(userId: UserId, presence: Presence): boolean {
    for (const [deviceId, { seenUntil }] of presence.devices)
      if (this.#clock.now() - seenUntil > goneAfterMs) presence.devices.delete(deviceId)
    const state = this.#stateOf(presence)
    if (state === presence.state) return false
    presence.state = state
    this.#change(userId, presence)
    return true
  }

  #change(userId: UserId, presence: Presence): void {
    this.#serial = Math.max(this.#serial + 1, this.#clock.now())
    presence.serial = this.#serial
    this.unsaved.add(userId)
    this.#users.delete(userId)
    this.#users.set(userId, presence)
  }

  #add(userId: UserId): Presence {
    const presence: Presence = {
      devices: new Map(),
      state: 'offline',
      status: undefined,
      activeAt: undefined,
      serial: 0,
    }
    this.#users.set(userId, presence)
    if (this.#users.size > this.#capacity) this.#leaveOut()
    return presence
  }

  /** Leaves out a user of whom there was no news for long; who is present, or not saved yet, is passed over. */
  #leaveOut(): void {
    let passed = 0
    for (const [userId, presence] of this.#users) {
      this.#users.delete(userId)
      if (passed++ === passedOverAtMost || (presence.devices.size === 0 && !this.unsaved.has(userId))) return
      this.#users.set(userId, presence)
    }
  }

  #stateOf({ devices }: Presence): PresenceState {
    const now = this.#clock.now()
    let strongest: PresenceState = 'offline'
    for (const { state, seenUntil } of devices.values()) {
      const isIdle = state === 'online' && now - seenUntil > idleAfterMs
      const shown = now - seenUntil > goneAfterMs ? 'offline' : isIdle ? 'unavailable' : state
      if (strength[shown] > strength[strongest]) strongest = shown
    }
    return strongest
  }

  /** The state as of its serial, however long ago: who reads one without a serial would not hear of the next. */
  #content({ state, status, activeAt }: Presence): PresenceContent {
    return {
      presence: state,
      ...(status === undefined ? {} : { status_msg: status }),
      ...(activeAt === undefined ? {} : { last_active_ago: this.#clock.now() - activeAt }),
      currently_active: state === 'online',
    }
  }
}
