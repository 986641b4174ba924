import assert from 'node:assert/strict'
import type { JsonValue } from '#protocol/event.ts'
import { roomVersions } from '#protocol/room-version.ts'
import { receiveEvents } from '#services/federation/receive/receive-event.ts'
import { alice, openReceivedRoom } from '../../support/received-room.ts'

describe('receiving odd events', function () {
  this.timeout(20_000)

  for (const { id } of roomVersions.filter(({ eventFormat }) => eventFormat === 'v3'))
    it(`T02 drops those with an event id of any type, and not their neighbors, in room version ${id}`, async () => {
      await using scene = await openReceivedRoom(id)
      const message = (body: string) => scene.make({ type: 'm.room.message', sender: alice, content: { body } })
      const oddIds: JsonValue[] = [7, true, null, [], {}, '$made:s0.test']
      const pdus = oddIds.flatMap((event_id, index) => [
        { ...message(`odd ${index}`), event_id },
        message(`even ${index}`),
      ])
      const incoming = pdus.map((pdu) => ({ origin: 's0.test', roomId: scene.room.roomId, pdu: pdu as JsonValue }))
      const receipts = await receiveEvents(scene.server.ctx, incoming)
      assert.deepEqual(
        receipts.map(({ outcome }) => outcome),
        oddIds.flatMap(() => ['dropped', 'accepted']),
      )
    })
})
