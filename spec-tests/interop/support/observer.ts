import { accepted, loginUser, type TestUser } from '../../support/server/client.ts'
import { roomPath } from '../../support/rooms/rooms.ts'
import { sync } from '../../support/server/sync.ts'
import type { SdkClient } from '../../support/server/sdk-client.ts'
import type { Homeserver } from './homeserver.ts'

type Page = { chunk: { event_id: string }[]; end?: string }

const types = ['m.room.encrypted']

/** Notes which encrypted events of a room a plain /sync loop brings, and how often: an SDK hides what comes twice. */
export class Observer {
  readonly seen = new Map<string, number>()
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

  /** Takes what has come since; a gap is filled from /messages. */
  async look(): Promise<void> {
    const filter = { room: { timeline: { limit: 100, types } } }
    const { rooms, next_batch: next } = await sync(this.#user, { since: this.#since, timeout: '1000', filter })
    const timeline = rooms?.join?.[this.#roomId]?.timeline
    const gap = timeline?.limited
      ? await encryptedEvents(this.#user, this.#roomId, { from: timeline.prev_batch, to: this.#since })
      : []
    this.#since = next
    for (const id of [...gap, ...(timeline?.events ?? []).map(({ event_id: id }) => id)])
      this.seen.set(id, (this.seen.get(id) ?? 0) + 1)
  }
}

/** The ids of the encrypted events of the room, as the pages of /messages have them, those that come twice twice. */
export async function encryptedEvents(
  user: TestUser,
  roomId: string,
  { from, to }: { from?: string; to?: string } = {},
): Promise<string[]> {
  const ids: string[] = []
  let start = from
  do {
    const filter = JSON.stringify({ types })
    const query = new URLSearchParams({
      dir: 'b',
      limit: '100',
      filter,
      ...(start && { from: start }),
      ...(to && { to }),
    })
    const page = accepted(await user.request('GET', `${roomPath(roomId, 'messages')}?${query.toString()}`)) as Page
    ids.push(...page.chunk.map(({ event_id: id }) => id))
    start = page.end
  } while (start !== undefined)
  return ids
}

/** A server that was behind has a gap, which is filled when a person scrolls back over it. */
export async function scrollBackTo({ sdk }: SdkClient, roomId: string, ids: readonly string[]): Promise<void> {
  const room = sdk.getRoom(roomId)!
  const isThere = () => ids.every((id) => room.findEventById(id))
  while (!isThere() && room.oldState.paginationToken) await sdk.scrollback(room, 100)
}
