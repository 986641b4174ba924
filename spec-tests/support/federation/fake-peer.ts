import assert from 'node:assert/strict'
import type { Context } from '#context.ts'
import { authEventKeys } from '#protocol/auth-rules/auth-events.ts'
import { eventId } from '#protocol/events/event-id.ts'
import type { JsonObject, JsonValue, UnsignedPdu } from '#protocol/events/event.ts'
import { signEvent, signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import { serverOf, type EventId, type RoomId, type ServerName, type UserId } from '#protocol/ids.ts'
import { receiveEvent } from '#services/federation/receive/receive-event.ts'
import { receiveNeeds } from '#services/federation/receive/receive-needs.ts'
import type { FederationAnswer, FederationRequest } from '#services/remote/transport.ts'
import { keyOf } from '../generators/server-keys.ts'
import { findTestKey } from './receive-needs.ts'
import { jsonAnswer, type TestNetwork } from './network.ts'

export type SentTransaction = {
  txnId: string
  pdus: JsonObject[]
  edus: { edu_type: string; content: JsonObject }[]
}

/** A server that takes transactions and writes them down. */
export class FakePeer {
  readonly name: ServerName
  readonly received: SentTransaction[] = []
  /** What it does with a transaction; undefined: it is acknowledged. */
  answer: ((transaction: SentTransaction) => Promise<FederationAnswer | undefined>) | undefined
  /** Every attempt, also of what it did not acknowledge. */
  readonly attempts: SentTransaction[] = []
  underWay = 0
  mostUnderWay = 0

  constructor(network: TestNetwork, name: ServerName) {
    this.name = name
    network.addFake(name, (request) => unlessAborted(request, this.#take(request)))
  }

  /** Takes no more transactions until `rise`, as when its process is not running. */
  fall(): void {
    this.answer = async () => {
      throw new Error('It is down')
    }
  }

  rise(): void {
    this.answer = undefined
  }

  /** How many transactions it was sent, acknowledged or not. */
  get tries(): number {
    return this.attempts.length
  }

  /** The bodies of the messages it got, in order. */
  get bodies(): string[] {
    return this.received.flatMap(({ pdus }) =>
      pdus.flatMap(({ type, content }) => (type === 'm.room.message' ? [String((content as JsonObject).body)] : [])),
    )
  }

  edus(type: string): JsonObject[] {
    return this.received.flatMap(({ edus }) => edus.flatMap((edu) => (edu.edu_type === type ? [edu.content] : [])))
  }

  async #take({ method, uri, body }: FederationRequest): Promise<FederationAnswer> {
    if (uri === '/_matrix/key/v2/server') return this.#keys()
    const [, txnId] = /^\/_matrix\/federation\/v1\/send\/([^/?]+)$/.exec(uri) ?? []
    if (method !== 'PUT' || txnId === undefined) return jsonAnswer(404, { errcode: 'M_UNRECOGNIZED', error: 'No' })
    const { pdus, edus = [] } = JSON.parse(body ?? '{}') as SentTransaction
    const transaction = { txnId, pdus, edus }
    this.attempts.push(transaction)
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay)
    try {
      const answer = await this.answer?.(transaction)
      if (answer) return answer
      this.received.push(transaction)
      return jsonAnswer(200, { pdus: {} })
    } finally {
      this.underWay--
    }
  }

  #keys(): FederationAnswer {
    const key = keyOf(this.name)
    const published = {
      server_name: this.name,
      valid_until_ts: Date.UTC(2030, 0, 1),
      verify_keys: { [key.keyId]: { key: encodePublicKey(key.publicKey) } },
      old_verify_keys: {},
    }
    return jsonAnswer(200, signJson(published, key))
  }
}

/** Whoever asks may give up waiting for the answer. */
function unlessAborted({ signal }: FederationRequest, answer: Promise<FederationAnswer>): Promise<FederationAnswer> {
  const aborted = new Promise<never>((_resolve, reject) => {
    signal?.addEventListener('abort', () => reject(new Error('Aborted')))
  })
  return Promise.race([answer, aborted])
}

export type RemoteAct = {
  sender: UserId
  type: string
  content: JsonObject
  stateKey?: string
}

/** An event that a user of another server makes in a room of this one, as it is after what this one knows. */
export async function remoteEvent(
  ctx: Context,
  roomId: RoomId,
  act: RemoteAct,
): Promise<{ id: EventId; pdu: JsonValue }> {
  const room = await ctx.rooms.get(roomId)
  const draft: UnsignedPdu = {
    room_id: roomId,
    sender: act.sender,
    type: act.type,
    content: act.content,
    ...(act.stateKey !== undefined && { state_key: act.stateKey }),
    origin_server_ts: ctx.clock.now(),
    depth: room.depth + 1,
    prev_events: [...room.forwardExtremities],
    auth_events: [],
  }
  draft.auth_events = authEventKeys(draft, room.version).flatMap(([type, key]) => room.entry(type, key)?.eventId ?? [])
  const pdu = signEvent(draft, room.version, keyOf(serverOf(act.sender)))
  return { id: eventId(pdu, room.version), pdu: pdu as unknown as JsonValue }
}

/** Lets a user of another server do something in a room of this one. */
export async function actRemotely(ctx: Context, roomId: RoomId, act: RemoteAct): Promise<EventId> {
  const { id, pdu } = await remoteEvent(ctx, roomId, act)
  const findKey: typeof findTestKey = (server, keyId) =>
    server === ctx.config.server_name ? ctx.keyRing.find(server, keyId) : findTestKey(server, keyId)
  const { checkThreads: _threads, ...needs } = { ...receiveNeeds(ctx), findKey }
  const result = await receiveEvent(needs, { origin: serverOf(act.sender), roomId, pdu })
  assert.equal(result.outcome, 'accepted', result.reason)
  return id
}

/** A user of another server enters or leaves a room of this one. */
export const memberRemotely = (
  ctx: Context,
  roomId: RoomId,
  [sender, membership]: readonly [UserId, 'join' | 'leave' | 'knock'],
): Promise<EventId> =>
  actRemotely(ctx, roomId, { sender, type: 'm.room.member', stateKey: sender, content: { membership } })
