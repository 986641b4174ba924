import assert from 'node:assert/strict'
import type { JsonObject, JsonValue, Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { signEvent } from '#protocol/events/signatures.ts'
import type { MissingEvents } from '#services/federation/receive/ports.ts'
import { silent } from '../federation/receive-needs.ts'
import { startReceiving, type ReceivingServer } from '../federation/receiving.ts'
import { state, type Act } from './acts.ts'
import { openedRoom } from './opened-room.ts'
import type { Place, TestRoom } from './test-room.ts'
import { keyOf } from './server-keys.ts'

export const alice: UserId = '@alice:s0.test'
export const bob: UserId = '@bob:s1.test'
export const carol: UserId = '@carol:s2.test'

/** Answers with these events and no others. */
export const only = (...pdus: Pdu[]): MissingEvents => ({
  ...silent,
  fetchEvents: async () => pdus as unknown as JsonValue[],
  fetchMissing: async () => pdus as unknown as JsonValue[],
})

/** A room of alice and bob on a server that can be told to know nothing more. */
export class Scene {
  readonly room: TestRoom
  readonly server: ReceivingServer
  readonly port: { answers: MissingEvents }
  forwardExtremity: EventId

  constructor(room: TestRoom, server: ReceivingServer, port: { answers: MissingEvents }) {
    this.room = room
    this.server = server
    this.port = port
    this.forwardExtremity = room.order.at(-1)!
  }

  /** Makes the next event without telling the server. */
  make(act: Act, place: Partial<Place> = {}): Pdu {
    return this.room.make(act, { prevs: [this.forwardExtremity], ...place })
  }

  /** Makes an event that exists from now on; the server does not hear of it. */
  add(act: Act, place: Partial<Place> = {}): { id: EventId; pdu: Pdu } {
    const pdu = this.make(act, place)
    return { id: this.room.take(pdu), pdu }
  }

  /** The event with changes, hashed and signed anew by its sender's server. */
  remade(pdu: Pdu, changes: Partial<Pdu>): Pdu {
    return signEvent({ ...pdu, ...changes, signatures: {} }, this.room.version, keyOf(serverOf(pdu.sender)))
  }

  receive(pdu: unknown, origin?: ServerName) {
    return this.server.receive(this.room.roomId, pdu, origin)
  }

  /** Adds an event at the head, and the server hears of it. */
  async send(act: Act, place: Partial<Place> = {}) {
    const { id, pdu } = this.add(act, place)
    const result = await this.receive(pdu)
    if (!place.prevs && result.outcome === 'accepted') this.forwardExtremity = id
    return { id, pdu, ...result }
  }

  /** What another server answers from now on. */
  answer(answers: MissingEvents): void {
    this.port.answers = answers
  }

  async entry(type: string, key = ''): Promise<EventId | undefined> {
    return (await this.server.line(this.room.roomId)).entry(type, key)?.eventId
  }

  /** The ids of the room's events as clients page through them, oldest first. */
  async timeline(): Promise<EventId[]> {
    const { nid: roomNid } = await this.server.line(this.room.roomId)
    const page = await this.server.ctx.store.rooms.events.page({
      roomNid: roomNid!,
      from: 0,
      direction: 'forwards',
      limit: 1000,
    })
    return page.map(({ eventId }) => eventId)
  }

  async status(id: EventId) {
    return (await this.server.ctx.store.rooms.events.find(id))?.status
  }
}

export type SceneSetup = {
  /** Another scene, whose server also has this room. */
  beside?: Scene
  joinRule?: string
  /** Beside the levels of the creator. */
  levels?: JsonObject
}

/** Opens a room of this version on a fresh server, or beside another. */
export async function openScene(versionId = '11', setup: SceneSetup = {}): Promise<Scene & AsyncDisposable> {
  const { beside, joinRule = 'public', levels = {} } = setup
  const roomId: RoomId = beside ? `!room${versionId}:s0.test` : '!room:s0.test'
  const room = openedRoom(versionId, { creator: alice, roomId, levels, members: { [bob]: 'join' } })
  if (joinRule !== 'public') room.add(state(alice, 'm.room.join_rules', { join_rule: joinRule }))
  const port = beside?.port ?? { answers: silent }
  const server = beside?.server ?? (await startReceiving(asking(port)))
  assert.equal((await server.open(room)).outcome, 'accepted')
  for (const pdu of room.events.slice(1)) assert.equal((await server.receive(room.roomId, pdu)).outcome, 'accepted')
  const end = beside ? async () => {} : () => server[Symbol.asyncDispose]()
  return Object.assign(new Scene(room, server, port), { [Symbol.asyncDispose]: end })
}

/** Rooms of these versions, all on one server. */
export async function openScenes(
  versionIds: Iterable<string>,
  setup: SceneSetup = {},
): Promise<Scene[] & AsyncDisposable> {
  const [first, ...others] = versionIds
  const beside = await openScene(first, setup)
  const scenes: Scene[] = [beside]
  for (const id of others) scenes.push(await openScene(id, { ...setup, beside }))
  return Object.assign(scenes, { [Symbol.asyncDispose]: () => beside[Symbol.asyncDispose]() })
}

const asking = (port: { answers: MissingEvents }): MissingEvents => ({
  fetchEvents: (...asked) => port.answers.fetchEvents(...asked),
  fetchMissing: (...asked) => port.answers.fetchMissing(...asked),
  fetchStateIds: (...asked) => port.answers.fetchStateIds(...asked),
  fetchState: (...asked) => port.answers.fetchState(...asked),
})
