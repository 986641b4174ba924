import assert from 'node:assert/strict'
import { authEventIds } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { authorizeByAuthEvents, createIdOf, type FindJudged } from '#services/federation/receive/check-auth-events.ts'
import { byVersion } from '../../../support/generators/by-version.ts'
import { unruledRoom } from '../../../support/generators/opened-room.ts'

describe('the auth events of a received event', () => {
  const roomOf = (id: string) => {
    const room = unruledRoom(id)
    const pdu = room.make({ type: 'm.room.message' })
    /** All judged and accepted, but for one that another room has. */
    const findBut = (elsewhere: EventId): FindJudged => {
      const judged = new Map(room.events.map((event) => [room.idOf(event), { pdu: event, isRejected: false }]))
      return (eventId) => (eventId === elsewhere ? 'elsewhere' : judged.get(eventId))
    }
    const ruleBut = (elsewhere: EventId) => {
      const verdict = authorizeByAuthEvents(pdu, room.version, findBut(elsewhere))
      return 'rejection' in verdict ? verdict.rejection?.rule : 'missing'
    }
    return { room, pdu, ruleBut }
  }

  it('are all of its room', () => {
    for (const [id, rule] of byVersion({ '1-11': '2.5', '12': '3.4' })) {
      const { room, pdu, ruleBut } = roomOf(id)
      assert.equal(ruleBut('$nothing'), undefined, id)
      for (const cited of authEventIds(pdu, room.version)) assert.equal(ruleBut(cited), rule, id)
    }
  })

  it('need a room whose create event is its own, from version 12', () => {
    const { room, pdu, ruleBut } = roomOf('12')
    assert.equal(ruleBut(createIdOf(pdu, room.version)!), '2')
  })
})
