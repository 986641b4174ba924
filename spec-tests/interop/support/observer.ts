import { accepted, loginUser, type TestUser } from '../../support/server/client.ts'
import { roomPath } from '../../support/rooms/rooms.ts'
import { sync } from '../../support/server/sync.ts'
import type { SdkClient } from '../../support/server/sdk-client.ts'
import type { Homeserver } from './homeserver.ts'

type Page = { chunk: { event_id: string; type: string }[]; end?: string }

/** Notes which encrypted events of a room a plain /sync loop brings, and how often: an SDK hides what comes twice. */
export class Observer {
  readonly seen = new Map<string, number>()
  /** How often there was a gap, which must be filled from /messages. */
  gaps = 0
  readonly #user: TestUser
  readonly #roomId: string
  #since: string

  private constructor(user: TestUser, { roomId, since }: { roomId: string; since: string }) {
    this.#user = user
    this.#roomId = roomId
    this.#since = since
  }

  /** Begins now, on a device of its own. */
  static async of(client: SdkClient, home: Homeserver, roomId: string): Promise<Observer> {
    const user = await loginUser(home.url, client.user.userId)
    const { next_batch: since } = await sync(user)
    return new Observer(user, { roomId, since })
  }

  /** Takes what has come since. */
  async look(): Promise<void> {
    const filter = { room: { timeline: { limit: 1000, types: ['m.room.encrypted'] } } }
    const { rooms, next_batch: since } = await sync(this.#user, { since: this.#since, timeout: '1000', filter })
    this.#since = since
    const timeline = rooms?.join?.[this.#roomId]?.timeline
    if (timeline?.limited) this.gaps++
    for (const { event_id: id } of timeline?.events ?? []) this.seen.set(id, (this.seen.get(id) ?? 0) + 1)
  }
}

/** The ids of all encrypted events of the room, as the pages of /messages have them, those that come twice twice. */
export async function encryptedEvents({ user }: SdkClient, roomId: string): Promise<string[]> {
  const ids: string[] = []
  let from: string | undefined
  do {
    const query = new URLSearchParams({ dir: 'b', limit: '100', ...(from !== undefined && { from }) })
    const page = accepted(await user.request('GET', `${roomPath(roomId, 'messages')}?${query.toString()}`)) as Page
    ids.push(...page.chunk.filter(({ type }) => type === 'm.room.encrypted').map(({ event_id: id }) => id))
    from = page.end
  } while (from !== undefined)
  return ids
}
