import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { systemTokens } from '#base/tokens.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { receiveEvents } from '#services/federation/receive/receive-event.ts'
import { collectPurges } from '#services/rooms/purge/purge-worker.ts'
import { requestHistoryPurge } from '#services/rooms/purge/purge-history.ts'
import { TypingRooms } from '#services/rooms/ephemeral/typing-rooms.ts'
import { checkRoom } from '../../../support/rooms/room-check.ts'
import { alice, openScene, type Scene } from '../../../support/generators/scene.ts'
import { type Act, message } from '../../../support/generators/acts.ts'
import { failuresOnly } from '../../../support/server/server.ts'
import { alone } from '../../../support/federation/alone.ts'

/** 16 kB that no database can press into the row of an index. */
const long = createHash('shake256', { outputLength: 12_000 }).update('long').digest('base64')

describe('receiving odd events', function () {
  this.timeout(20_000)

  for (const { id } of roomVersions.filter(({ eventFormat }) => eventFormat === 'v3'))
    it(`T02 drops those with an event id of any type, and not their neighbors, in room version ${id}`, async () => {
      await using scene = await openScene(id)
      const oddIds: JsonValue[] = [7, true, null, [], {}, '$made:s0.test']
      const pdus = oddIds.flatMap((event_id, index) => [
        { ...scene.make(message(alice, `odd ${index}`)), event_id },
        scene.make(message(alice, `even ${index}`)),
      ])
      const incoming = pdus.map((pdu) => ({ origin: 's0.test', roomId: scene.room.roomId, pdu: pdu as JsonValue }))
      const receipts = await receiveEvents(scene.server.ctx, incoming)
      assert.deepEqual(
        receipts.map(({ outcome }) => outcome),
        oddIds.flatMap(() => ['dropped', 'accepted']),
      )
    })

  for (const { id, redactsInContent } of roomVersions)
    it(`T03 keeps those that name what no event is called, in room version ${id}`, async () => {
      await using scene = await openScene(id)
      const redactions = ['$\0x', `$${long}`, 'x', '', '$'].map((redacts): Act => {
        const act = { type: 'm.room.redaction', sender: alice, content: {} }
        return redactsInContent ? { ...act, content: { redacts } } : ({ ...act, redacts } as Act)
      })
      const relations = [`$${long}`, '$\0x', 'x'].flatMap((odd) => [
        { event_id: odd, rel_type: 'm.thread' },
        { event_id: scene.room.order[0]!, rel_type: odd },
        { event_id: odd, rel_type: 'm.annotation', key: odd },
      ])
      const related = relations.map((relation): Act => ({
        type: 'm.room.message',
        sender: alice,
        content: { 'm.relates_to': relation },
      }))
      const sent: EventId[] = []
      for (const act of [...redactions, ...related]) {
        const { id: sentId, outcome } = await scene.send(act)
        assert.equal(outcome, 'accepted')
        sent.push(sentId)
      }
      assert.deepEqual(await checkRoom(scene.server.ctx, scene.room.roomId), [])
      await purge(scene, sent.at(-1)!)
      assert.deepEqual(
        (await scene.server.ctx.store.rooms.events.findMany(sent)).map(({ eventId }) => eventId),
        sent.slice(-1),
      )
      assert.deepEqual(await checkRoom(scene.server.ctx, scene.room.roomId), [])
    })
})

/** Takes what came before the event off the disk. */
async function purge({ server, room }: Scene, eventId: EventId): Promise<void> {
  const typing = new TypingRooms(server.ctx.clock)
  const ctx = {
    ...server.ctx,
    log: failuresOnly,
    typing,
    tokens: systemTokens,
    processId: 'p',
    remoteMembership: alone,
  }
  await requestHistoryPurge(ctx, { roomId: room.roomId, before: { eventId }, deleteLocal: true })
  await collectPurges(ctx)
}
