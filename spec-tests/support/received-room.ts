import assert from 'node:assert/strict'
import type { Pdu } from '#protocol/event.ts'
import type { EventId, UserId } from '#protocol/ids.ts'
import { roomVersion } from '#protocol/room-version.ts'
import type { MissingEvents, Receipt } from '#services/federation/receive/ports.ts'
import { silent, startReceiving, type ReceivingServer } from './receiving.ts'
import { ScriptedRoom, type Act, type Place } from './scripted-room.ts'

/** Who made the room, with all power in it. */
export const alice: UserId = '@alice:s0.test'

/** A room of alice's that a receiving server follows. */
export type ReceivedRoom = AsyncDisposable & {
  room: ScriptedRoom
  server: ReceivingServer
  /** The event that the act becomes after the newest one; nobody has it yet. */
  make(act: Act, place?: Partial<Place>): Pdu
  receive(pdu: unknown): Promise<Receipt>
  /** Makes the next event, and the server takes it in. */
  send(act: Act): Promise<EventId>
  holder(type: string, key?: string): Promise<EventId | undefined>
  /** What another server answers from now on. */
  answer(port: Partial<MissingEvents>): void
}

export const stateAct = (sender: UserId, type: string, content: Act['content'], key = ''): Act => ({
  type,
  sender,
  state_key: key,
  content,
})

export const memberAct = (sender: UserId, membership: string, target: UserId, more: Act['content'] = {}): Act =>
  stateAct(sender, 'm.room.member', { membership, ...more }, target)

export async function openReceivedRoom(versionId: string, joinRule = 'public'): Promise<ReceivedRoom> {
  const version = roomVersion(versionId)!
  const room = new ScriptedRoom(version, { signed: true })
  let port = silent
  const server = await startReceiving({
    fetchEvents: (...asked) => port.fetchEvents(...asked),
    fetchMissing: (...asked) => port.fetchMissing(...asked),
    fetchStateIds: (...asked) => port.fetchStateIds(...asked),
  })
  const make = (act: Act, place: Partial<Place> = {}) => room.make(act, { prevs: room.order.slice(-1), ...place })
  const receive = (pdu: unknown) => server.receive(room.roomId, pdu)
  const send = async (act: Act) => {
    const pdu = make(act)
    assert.equal((await receive(pdu)).outcome, 'accepted')
    return room.add(pdu)
  }
  const create = make(
    stateAct(alice, 'm.room.create', {
      room_version: versionId,
      ...(version.creators === 'content' && { creator: alice }),
    }),
  )
  room.add(create)
  assert.equal((await server.open({ roomId: room.roomId, version, create })).outcome, 'accepted')
  await send(memberAct(alice, 'join', alice))
  await send(stateAct(alice, 'm.room.power_levels', { users: version.creatorsOutrankAll ? {} : { [alice]: 100 } }))
  await send(stateAct(alice, 'm.room.join_rules', { join_rule: joinRule }))
  return {
    room,
    server,
    make,
    receive,
    send,
    holder: async (type, key = '') => (await server.line(room.roomId)).holder(type, key)?.eventId,
    answer: (answers) => void (port = { ...silent, ...answers }),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}
