import assert from 'node:assert/strict'
import { Waiters } from '#base/waiters.ts'

type Stream = 'events' | 'typing'

const newWaiters = (limits?: { maxRemembered: number }) => new Waiters<Stream>(['events', 'typing'], limits)

/** A reader who knows everything up to the moment answered. */
const read = (waiters: Waiters<Stream>, key: string): number => {
  waiters.register({ keys: [key] }).release()
  return waiters.moment
}

/** Whether the ticket has been called by now. */
const isWoken = ({ woken }: { woken: Promise<void> }): Promise<boolean> =>
  Promise.race([woken.then(() => true), Promise.resolve().then(() => Promise.resolve().then(() => false))])

describe('waiters', () => {
  it('wake everybody who waits for a key, and nobody else', async () => {
    const waiters = newWaiters()
    const tickets = ['alice', 'alice', 'bob'].map((key) => waiters.register({ keys: [key] }))

    waiters.move('alice', 'events')

    assert.deepEqual(await Promise.all(tickets.map(isWoken)), [true, true, false])
    assert.equal(waiters.size, 3)
    for (const ticket of tickets) ticket.release()
    tickets[0]?.release()
    assert.equal(waiters.size, 0)
  })

  it('wake by any key of a request, but not by the streams that it ignores', async () => {
    const waiters = newWaiters()
    const phone = waiters.register({ keys: ['alice', 'alice phone'], ignores: ['typing'] })
    const tablet = waiters.register({ keys: ['alice', 'alice tablet'] })

    waiters.move('alice', 'typing')
    assert.deepEqual([await isWoken(phone), await isWoken(tablet)], [false, true])
    waiters.move('alice phone', 'events')
    assert.equal(await isWoken(phone), true)
  })

  it('remember a wake-up between the registration and the wait', async () => {
    const waiters = newWaiters()
    const ticket = waiters.register({ keys: ['alice'] })
    waiters.move('alice', 'events')
    await ticket.woken
  })

  it('tell which streams have moved since a reader saw them', () => {
    const waiters = newWaiters()
    const moment = read(waiters, 'alice')
    waiters.move('bob', 'events')
    assert.deepEqual(waiters.movedSince('alice', moment), [])
    waiters.move('alice', 'typing')
    assert.deepEqual(waiters.movedSince('alice', moment), ['typing'])
    assert.deepEqual(waiters.movedSince('alice', read(waiters, 'alice')), [])
  })

  it('take all streams of keys that were never registered as moved', () => {
    const waiters = newWaiters()
    waiters.move('alice', 'events')
    assert.deepEqual(waiters.movedSince('alice', waiters.moment), ['events', 'typing'])
  })

  it('take a key that they had to forget as moved, even when it is registered again', () => {
    const waiters = newWaiters({ maxRemembered: 1 })
    const moment = read(waiters, 'alice')
    read(waiters, 'bob')
    waiters.move('alice', 'events')
    assert.deepEqual(waiters.movedSince('alice', moment), ['events', 'typing'])
    waiters.register({ keys: ['alice'] })
    assert.deepEqual(waiters.movedSince('alice', moment), ['events', 'typing'])
  })

  it('never forget a key for which a request waits, the one just registered least of all', async () => {
    const waiters = newWaiters({ maxRemembered: 1 })
    const tickets = ['alice', 'bob'].map((key) => waiters.register({ keys: [key] }))
    for (const key of ['carol', 'dave']) read(waiters, key)

    waiters.move('alice', 'events')
    waiters.move('bob', 'events')

    assert.deepEqual(await Promise.all(tickets.map(isWoken)), [true, true])
  })

  it('wake everybody when messages that say for whom were lost', async () => {
    const waiters = newWaiters()
    const moment = read(waiters, 'bob')
    const ticket = waiters.register({ keys: ['alice'] })

    waiters.moveAll('events')

    assert.equal(await isWoken(ticket), true)
    assert.deepEqual(waiters.movedSince('bob', moment), ['events'])
  })

  it('wait for the announcements that are under way, and for no others', async () => {
    const waiters = newWaiters()
    const found = Promise.withResolvers<void>()
    await waiters.announced()
    const moment = read(waiters, 'alice')

    waiters.announce(found.promise.then(() => waiters.move('alice', 'events')))
    const announced = waiters.announced().then(() => waiters.movedSince('alice', moment))
    found.resolve()

    assert.deepEqual(await announced, ['events'])
  })
})
