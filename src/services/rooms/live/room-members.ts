import { serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import type { Membership, MembershipSince } from '#store/rooms/members.ts'

/** Bytes of a member in the maps. */
const memberBytes = 120

/** The committed memberships of a live room, and what follows from them; only the room itself changes them. */
export class RoomMembers {
  readonly #serverName: ServerName
  readonly #members = new Map<UserId, Membership>()
  readonly #localUsers = new Set<UserId>()
  readonly #joinedByServer = new Map<ServerName, number>()
  /** Since when local users have been joined without a break; unknown of some who joined long ago. */
  readonly #joinedAt = new Map<UserId, number>()
  readonly #counts: Record<Membership, number> = { join: 0, invite: 0, knock: 0, leave: 0, ban: 0 }
  #isShared = false

  constructor(serverName: ServerName) {
    this.#serverName = serverName
  }

  get all(): ReadonlyMap<UserId, Membership> {
    return this.#members
  }

  get bytes(): number {
    return this.#members.size * memberBytes
  }

  get localUsers(): ReadonlySet<UserId> {
    return this.#localUsers
  }

  get joinedByServer(): ReadonlyMap<ServerName, number> {
    return this.#joinedByServer
  }

  get isShared(): boolean {
    return this.#isShared
  }

  count(membership: Membership): number {
    return this.#counts[membership]
  }

  joinedAt(userId: UserId): number | undefined {
    return this.#joinedAt.get(userId)
  }

  isLocal(userId: UserId): boolean {
    return serverOf(userId) === this.#serverName
  }

  /** Counts the servers of members who are not known yet. */
  await(servers: readonly ServerName[]): void {
    for (const server of new Set(servers)) this.#countJoined(server, 1)
    this.#isShared ||= servers.length > 0
  }

  set({ userId, membership }: Pick<MembershipSince, 'userId' | 'membership'>, since: number | undefined): void {
    const replaced = this.#members.get(userId)
    if (replaced === 'join' && membership === 'join') return
    if (replaced) this.#counts[replaced]--
    this.#counts[membership]++
    if (replaced === 'join') this.#countJoined(serverOf(userId), -1)
    else if (membership === 'join') this.#countJoined(serverOf(userId), 1)
    // Members are in order of arrival, as the store lists them.
    this.#members.delete(userId)
    this.#members.set(userId, membership)
    this.#isShared ||= !this.isLocal(userId)
    this.#localUsers.delete(userId)
    this.#joinedAt.delete(userId)
    if (membership !== 'join' || !this.isLocal(userId)) return
    this.#localUsers.add(userId)
    if (since !== undefined) this.#joinedAt.set(userId, since)
  }

  #countJoined(server: ServerName, change: 1 | -1): void {
    const joined = (this.#joinedByServer.get(server) ?? 0) + change
    if (joined === 0) this.#joinedByServer.delete(server)
    else this.#joinedByServer.set(server, joined)
  }
}
