import { randomUUID } from 'node:crypto'
import type { Answer, HttpClient } from './http-client.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

const client = '/_matrix/client/v3'
const part = encodeURIComponent

/** A logged-in user of the server under test, speaking the public API alone. */
export class User {
  readonly userId: UserId
  readonly #token: string
  readonly #http: HttpClient

  constructor(http: HttpClient, session: { userId: UserId; token: string }) {
    this.#http = http
    this.userId = session.userId
    this.#token = session.token
  }

  /** The same user of another server that has a copy of the data. */
  at(http: HttpClient): User {
    return new User(http, { userId: this.userId, token: this.#token })
  }

  /** Answers whatever the server says. */
  attempt(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.#http.ask({ method, path, body, token: this.#token })
  }

  /** The header of requests that are written by hand. */
  get authorization(): string {
    return `Bearer ${this.#token}`
  }

  /** Throws on anything but success, so that no benchmark counts errors as work. */
  async ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await this.attempt(method, path, body)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }

  async createRoom(settings: Record<string, unknown> = {}): Promise<RoomId> {
    const { body } = await this.ask('POST', `${client}/createRoom`, { preset: 'public_chat', ...settings })
    return body['room_id'] as RoomId
  }

  /** `via`: a server to join through. */
  async join(roomId: RoomId, via?: string): Promise<void> {
    const through = via === undefined ? '' : `?via=${part(via)}&server_name=${part(via)}`
    await this.ask('POST', `${client}/join/${part(roomId)}${through}`, {})
  }

  async leave(roomId: RoomId): Promise<void> {
    await this.ask('POST', `${client}/rooms/${part(roomId)}/leave`, {})
  }

  /** Presents the user by another name, in every room they are in. */
  async rename(displayname: string): Promise<void> {
    await this.ask('PUT', `${client}/profile/${part(this.userId)}/displayname`, { displayname })
  }

  /** Reads something of a room; `what` is the rest of the path with its query. */
  read(roomId: RoomId, what: string): Promise<Answer> {
    return this.ask('GET', `${client}/rooms/${part(roomId)}/${what}`)
  }

  async send(roomId: RoomId, text: string): Promise<EventId> {
    const path = `${client}/rooms/${part(roomId)}/send/m.room.message/${randomUUID()}`
    const { body } = await this.ask('PUT', path, { msgtype: 'm.text', body: text })
    return body['event_id'] as EventId
  }

  sync(query: Record<string, string>): Promise<Answer> {
    return this.ask('GET', `${client}/sync?${new URLSearchParams(query).toString()}`)
  }
}
