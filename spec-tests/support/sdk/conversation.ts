import assert from 'node:assert/strict'
import { EventType, MsgType, ReceiptType, RelationType, type MatrixEvent } from 'matrix-js-sdk'
import type { SdkClient } from '../server/sdk-client.ts'

/** Two clients in one encrypted room. */
export type Pair = { alice: SdkClient; bob: SdkClient; roomId: string }

export const text = (body: string) => ({ msgtype: MsgType.Text as const, body })

export const encryptedState = {
  type: EventType.RoomEncryption,
  state_key: '',
  content: { algorithm: 'm.megolm.v1.aes-sha2' },
}

export const idOf = (event: MatrixEvent): string => event.getId()!

/** Sends encrypted text and answers its event as the other reads it. */
export async function say(from: SdkClient, to: SdkClient, { roomId, body }: { roomId: string; body: string }) {
  const { event_id: eventId } = await from.sdk.sendMessage(roomId, text(body))
  const event = await to.readable(roomId, eventId)
  assert.deepEqual([event.getContent().body, event.isEncrypted()], [body, true])
  return event
}

export async function replyInThread({ alice, bob, roomId }: Pair, root: MatrixEvent): Promise<void> {
  const relation = { rel_type: RelationType.Thread, event_id: idOf(root), is_falling_back: true }
  const content = { ...text('in the thread'), 'm.relates_to': relation }
  const { event_id: eventId } = await bob.sdk.sendMessage(roomId, idOf(root), content as never)
  const reply = await alice.readable(roomId, eventId)
  assert.equal(reply.getContent().body, 'in the thread')
  const thread = await alice.until('the thread', () => alice.sdk.getRoom(roomId)?.getThread(idOf(root)))
  await alice.until('the reply in the thread', () => thread.replyToEvent?.getId() === eventId && thread.length === 1)
}

export async function react({ alice, bob, roomId }: Pair, event: MatrixEvent): Promise<void> {
  const relation = { rel_type: RelationType.Annotation as const, event_id: idOf(event), key: '👍' }
  await bob.sdk.sendEvent(roomId, EventType.Reaction, { 'm.relates_to': relation })
  await alice.until('the reaction', () => {
    const { relations } = alice.sdk.getRoom(roomId)!
    const reactions = relations.getChildEventsForEvent(idOf(event), RelationType.Annotation, EventType.Reaction)
    return reactions?.getSortedAnnotationsByKey()?.some(([key, events]) => key === '👍' && events.size === 1)
  })
}

export async function edit({ alice, bob, roomId }: Pair, event: MatrixEvent): Promise<void> {
  const relation = { rel_type: RelationType.Replace, event_id: idOf(event) }
  const content = { ...text('* edited'), 'm.new_content': text('edited'), 'm.relates_to': relation }
  await alice.sdk.sendMessage(roomId, content as never)
  await bob.until('the edit', () => bob.sdk.getRoom(roomId)?.findEventById(idOf(event))?.getContent().body === 'edited')
}

export async function redact({ alice, bob, roomId }: Pair, event: MatrixEvent): Promise<void> {
  await alice.sdk.redactEvent(roomId, idOf(event))
  await bob.until('the redaction', () => bob.sdk.getRoom(roomId)?.findEventById(idOf(event))?.isRedacted())
}

export async function read({ alice, bob, roomId }: Pair): Promise<void> {
  const event = await say(alice, bob, { roomId, body: 'read this' })
  await bob.sdk.sendReadReceipt(event, ReceiptType.Read)
  await alice.until('the receipt', () => {
    const room = alice.sdk.getRoom(roomId)!
    return room.getReadReceiptForUserId(bob.user.userId, true)?.eventId === idOf(event)
  })
}

export async function type({ alice, bob, roomId }: Pair): Promise<void> {
  for (const typing of [true, false]) {
    await bob.sdk.sendTyping(roomId, typing, 10_000)
    const shown = typing ? 'typing' : 'the end of typing'
    await alice.until(shown, () => alice.sdk.getRoom(roomId)?.getMember(bob.user.userId)?.typing === typing)
  }
}

/** None of the events a device has remains unreadable. */
export function assertAllReadable({ alice, bob, roomId }: Pair, ...more: SdkClient[]): void {
  for (const one of [alice, bob, ...more]) {
    const events = one.eventsOf(roomId)
    assert.ok(events.some((event) => event.isEncrypted()))
    assert.deepEqual(
      events.filter((event) => event.isDecryptionFailure()).map((event) => event.getId()),
      [],
    )
  }
}
