import assert from 'node:assert/strict'
import { Waiters } from '#base/waiters.ts'

/** A reader who was told everything up to the moment answered. */
const read = (waiters: Waiters, key: string): number => {
  const ticket = waiters.register(key)
  ticket.release()
  return waiters.moment
}

describe('waiters', () => {
  it('wakes everybody who waits for a key, and nobody else', async () => {
    const waiters = new Waiters()
    const woken: string[] = []
    const tickets = ['alice', 'alice', 'bob'].map((key, index) => {
      const ticket = waiters.register(key)
      void ticket.woken.then(() => woken.push(`${key} ${index}`))
      return ticket
    })
    waiters.wake('alice')
    await Promise.resolve()
    assert.deepEqual(woken, ['alice 0', 'alice 1'])
    assert.equal(waiters.size, 3)
    for (const ticket of tickets) ticket.release()
    assert.equal(waiters.size, 0)
  })

  it('remembers a wake-up between the registration and the wait', async () => {
    const waiters = new Waiters()
    const ticket = waiters.register('alice')
    waiters.wake('alice')
    await ticket.woken
  })

  it('tells whether a key was woken since a reader saw it', () => {
    const waiters = new Waiters()
    const moment = read(waiters, 'alice')
    waiters.wake('bob')
    assert.equal(waiters.wokenSince('alice', moment), false)
    waiters.wake('alice')
    assert.equal(waiters.wokenSince('alice', moment), true)
    assert.equal(waiters.wokenSince('alice', read(waiters, 'alice')), false)
  })

  it('takes keys that nobody asked for as woken', () => {
    const waiters = new Waiters()
    waiters.wake('alice')
    assert.equal(waiters.wokenSince('alice', waiters.moment), true)
  })

  it('takes a key that it had to forget as woken, even when it is asked for again', () => {
    const waiters = new Waiters({ maxRemembered: 1 })
    const moment = read(waiters, 'alice')
    read(waiters, 'bob')
    waiters.wake('alice')
    assert.equal(waiters.wokenSince('alice', moment), true)
    waiters.register('alice')
    assert.equal(waiters.wokenSince('alice', moment), true)
  })

  it('never forgets a key that somebody waits for', async () => {
    const waiters = new Waiters({ maxRemembered: 1 })
    const ticket = waiters.register('alice')
    for (const key of ['bob', 'carol', 'dave']) read(waiters, key)
    waiters.wake('alice')
    await ticket.woken
  })
})
