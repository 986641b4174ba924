import { inSlices } from '#base/in-slices.ts'
import { recentMap } from '#base/recent-map.ts'
import { presenceChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { Alarm } from '#jobs/alarm.ts'
import type { Worker } from '#jobs/worker.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { Sender } from '#services/federation/send/sender.ts'
import { lingerMs } from './linger.ts'

type Needs = Pick<
  Context,
  'accountRooms' | 'bus' | 'clock' | 'config' | 'log' | 'presence' | 'rooms' | 'serverAccess' | 'store'
> & { sender: Sender }

/** Changes of presence that are sent each second, whoever's; more wait, and of each user only the newest is sent. */
const usersPerTurn = 50
const turnMs = 1000
/** Other servers take somebody of whom they hear nothing for half an hour to be gone. */
const repeatEveryMs = 25 * 60_000
/** How long the servers that share a small room with a user are remembered. */
const rememberMs = 60_000
/** Rooms whose members are read in one statement. */
const roomsAtOnce = 100
/** Users of whom these are remembered. */
const maxUsers = 10_000

/** Sends presence of users here to the servers that share a room with them which is small enough. */
export class PresenceOut implements Worker {
  readonly #ctx: Needs
  readonly #waiting = new Set<UserId>()
  readonly #servers = recentMap<UserId, { at: number; servers: readonly ServerName[] }>(maxUsers)
  readonly #pause: Alarm
  readonly #ends: readonly (() => void)[]
  #serial: number
  #turn = { at: 0, left: usersPerTurn }
  #sending: Promise<void> | undefined
  #isStopped = false

  constructor(ctx: Needs) {
    this.#ctx = ctx
    this.#serial = ctx.presence.serial
    this.#pause = new Alarm(ctx.clock)
    this.#ends = [
      ctx.bus.subscribe(presenceChanged, () => {
        this.#add(ctx.presence.changes(this.#serial).keys())
        this.#serial = ctx.presence.serial
      }),
      ctx.clock.every(repeatEveryMs, () => this.#add(ctx.presence.changes(0).keys())),
    ]
  }

  /** Somebody has joined: those who share a room now did not hear of each other before. */
  joined(room: LiveRoom, userId: UserId): void {
    const { config, presence, sender } = this.#ctx
    this.#servers.delete(userId)
    const server = serverOf(userId)
    if (room.count('join') > config.limits.presence_room_members) return
    if (server === config.server_name) return this.#add([userId])
    if ((room.joinedByServer.get(server) ?? 0) !== 1 || !this.#ctx.serverAccess(server)) return
    for (const local of room.localUsers) {
      const content = presence.find(local)
      this.#servers.delete(local)
      if (content && content.presence !== 'offline')
        sender.sendEphemeral(server, (edus) => edus.addPresence(local, contentOf(content)))
    }
  }

  async settle(): Promise<void> {
    while (this.#sending) await this.#sending
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#ends.forEach((end) => end())
    this.#pause.clear()
    await this.settle()
  }

  #add(userIds: Iterable<UserId>): void {
    for (const userId of userIds) if (serverOf(userId) === this.#ctx.config.server_name) this.#waiting.add(userId)
    this.#begin()
  }

  #begin(): void {
    if (this.#waiting.size === 0 || this.#pause.isSet || this.#sending || this.#isStopped) return
    const now = this.#ctx.clock.now()
    if (now >= this.#turn.at + turnMs) this.#turn = { at: now, left: usersPerTurn }
    if (this.#turn.left === 0) return this.#pause.set(this.#turn.at + turnMs - now, () => this.#begin())
    this.#sending = this.#send()
      .catch((error: unknown) => this.#ctx.log.warn('presence was not sent to other servers', { error }))
      .finally(() => {
        this.#sending = undefined
        this.#begin()
      })
  }

  async #send(): Promise<void> {
    const users = [...this.#waiting].slice(0, this.#turn.left)
    this.#turn.left -= users.length
    for (const userId of users) this.#waiting.delete(userId)
    for (const userId of users) {
      const servers = await this.#serversOf(userId)
      const content = this.#ctx.presence.find(userId)
      if (!content) continue
      for (const server of servers)
        this.#ctx.sender.sendEphemeral(
          server,
          (edus) => edus.addPresence(userId, contentOf(content)),
          lingerMs(servers.length),
        )
    }
  }

  async #serversOf(userId: UserId): Promise<readonly ServerName[]> {
    const { clock, config } = this.#ctx
    const known = this.#servers.get(userId)
    if (known && clock.now() < known.at + rememberMs) return known.servers
    const most = config.limits.presence_room_members
    const servers = most === 0 ? [] : await this.#readServersOf(userId, most)
    this.#servers.set(userId, { at: clock.now(), servers })
    return servers
  }

  /** Rooms in memory know their servers; the store is asked about the rest. */
  async #readServersOf(userId: UserId, most: number): Promise<readonly ServerName[]> {
    const { accountRooms, config, rooms, serverAccess, store } = this.#ctx
    const own = config.server_name
    const servers = new Set<ServerName>()
    const unread: number[] = []
    const account = await accountRooms.of(userId)
    for (const { roomId, roomNid, membership } of account.rooms.values()) {
      if (membership !== 'join') continue
      const room = rooms.peek(roomId)
      if (!room) unread.push(roomNid)
      else if (room.count('join') <= most) for (const server of room.joinedByServer.keys()) servers.add(server)
    }
    for (const slice of inSlices(unread, roomsAtOnce))
      for (const other of await store.rooms.sharing.othersInSmallRooms(slice, { most, own }))
        servers.add(serverOf(other))
    return [...servers].filter((server) => server !== own && serverAccess(server))
  }
}

/** Other servers need to be told how long ago it was, also where it is not known. */
const contentOf = (content: object): JsonObject => ({ last_active_ago: 0, ...content })
