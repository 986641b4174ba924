import assert from 'node:assert/strict'
import type { EventId, RoomId } from '#protocol/ids.ts'
import { PostponedEvents } from '#services/federation/receive/transactions/postponed-events.ts'
import { WaitingEvent } from '#services/federation/receive/transactions/waiting-event.ts'
import { fakeClock } from '../../../support/server/clock.ts'

const eventOf = (name: string, room = 'room') =>
  new WaitingEvent({ roomId: `!${room}:far.test` as RoomId, eventId: `$${name}` as EventId, origin: 'far.test' })

function start() {
  const clock = fakeClock()
  const [taken, given]: string[][] = [[], []]
  const postponed = new PostponedEvents(clock, {
    takeUp: ({ eventId }) => void taken!.push(eventId),
    giveUp: ({ eventId }) => void given!.push(eventId),
  })
  return { clock, postponed, taken: taken!, given: given! }
}

describe('events whose past could not be asked for', () => {
  it('are taken up again after ever longer pauses, 20 times at most', async () => {
    const { clock, postponed, taken } = start()
    const event = eventOf('one')
    const pauses: number[] = []
    while (postponed.add(event)) {
      const since = clock.now()
      for (const before = taken.length; taken.length === before;) await clock.advance(30_000)
      pauses.push(clock.now() - since)
    }
    assert.equal(pauses.length, 20)
    assert.deepEqual(pauses.slice(0, 5), [30_000, 300_000, 1_800_000, 3_600_000, 3_600_000])
  })

  it('give way to a newer one of the same room and server, also when they are tried again', async () => {
    const { clock, postponed, taken, given } = start()
    const [older, newer] = [eventOf('older'), eventOf('newer')]
    assert.ok(postponed.add(older))
    await clock.advance(30_000)
    assert.deepEqual(taken, ['$older'])
    assert.ok(postponed.add(newer))
    assert.ok(!postponed.add(older))
    assert.ok(postponed.add(eventOf('newest')))
    assert.deepEqual(given, ['$newer'])
  })

  it('are taken up a second after their server has shown that it is there, and not later where it goes on to', async () => {
    const { clock, postponed, taken } = start()
    postponed.add(eventOf('one'))
    postponed.wake('other.test')
    await clock.advance(2000)
    assert.deepEqual(taken, [])
    for (let turn = 0; turn < 4; turn++) {
      postponed.wake('far.test')
      await clock.advance(250)
    }
    assert.deepEqual(taken, ['$one'])
  })

  it('are of 1,000 rooms at most, and stay on disk when the process ends', async () => {
    const { clock, postponed, taken } = start()
    for (let room = 0; room < 1000; room++) assert.ok(postponed.add(eventOf('one', `${room}`)))
    assert.ok(!postponed.add(eventOf('one', 'another')))
    assert.ok(postponed.add(eventOf('two', '7')))
    postponed.stop()
    await clock.advance(3_600_000)
    assert.deepEqual(taken, [])
  })
})
