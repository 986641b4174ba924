import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

export type OutgoingReceipt = {
  roomId: RoomId
  userId: UserId
  eventId: EventId
  /** '' without thread. */
  threadId: string
  ts: number
}

/** An EDU as transactions carry it. */
export type EduJson = { edu_type: string; content: JsonObject }

/** Of each kind so many wait for one server; the oldest are dropped. */
const maxWaiting = 1000
/** Users whose presence is in one EDU. */
const maxPresences = 100

/** What waits for a server in memory alone: of everything the newest, since only that counts. */
export class EphemeralEdus {
  readonly #typing = new Map<string, EduJson>()
  readonly #receipts = new Map<string, OutgoingReceipt>()
  readonly #presences = new Map<UserId, JsonObject>()

  get isEmpty(): boolean {
    return this.#typing.size + this.#receipts.size + this.#presences.size === 0
  }

  addTyping(roomId: RoomId, userId: UserId, isTyping: boolean): void {
    const content = { room_id: roomId, user_id: userId, typing: isTyping }
    put(this.#typing, `${roomId} ${userId}`, { edu_type: 'm.typing', content })
  }

  addReceipt(receipt: OutgoingReceipt): void {
    put(this.#receipts, `${receipt.roomId} ${receipt.userId} ${receipt.threadId}`, receipt)
  }

  addPresence(userId: UserId, content: JsonObject): void {
    put(this.#presences, userId, { user_id: userId, ...content })
  }

  /** Takes out what goes into one transaction: so many EDUs at most. */
  take(limit: number): EduJson[] {
    const edus: EduJson[] = []
    for (const [key, edu] of this.#typing) {
      if (edus.length >= limit) return edus
      this.#typing.delete(key)
      edus.push(edu)
    }
    while (this.#receipts.size > 0 && edus.length < limit) edus.push(this.#takeReceipts())
    while (this.#presences.size > 0 && edus.length < limit) edus.push(this.#takePresences())
    return edus
  }

  /** The server was away for a while: who typed then does not matter any more. */
  forgetPassing(): void {
    this.#typing.clear()
    this.#presences.clear()
  }

  /** One place for each room and user: who read on in several threads needs several EDUs. */
  #takeReceipts(): EduJson {
    const content: Record<RoomId, { 'm.read': Record<UserId, JsonObject> }> = {}
    for (const [key, { roomId, userId, eventId, threadId, ts }] of this.#receipts) {
      const readers = (content[roomId] ??= { 'm.read': {} })['m.read']
      if (readers[userId]) continue
      readers[userId] = { event_ids: [eventId], data: { ts, ...(threadId !== '' && { thread_id: threadId }) } }
      this.#receipts.delete(key)
    }
    return { edu_type: 'm.receipt', content }
  }

  #takePresences(): EduJson {
    const push: JsonObject[] = []
    for (const [userId, content] of this.#presences) {
      if (push.length >= maxPresences) break
      this.#presences.delete(userId)
      push.push(content)
    }
    return { edu_type: 'm.presence', content: { push } }
  }
}

function put<Key, Value>(waiting: Map<Key, Value>, key: Key, value: Value): void {
  waiting.delete(key)
  waiting.set(key, value)
  const [oldest] = waiting.keys()
  if (waiting.size > maxWaiting && oldest !== undefined) waiting.delete(oldest)
}
