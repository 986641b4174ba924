import assert from 'node:assert/strict'
import { CachingResolver } from '#http/out/resolver.ts'
import { Slots } from '#http/out/slots.ts'
import { WholeBodies } from '#http/out/whole-body.ts'
import { systemNetwork } from '#http/out/network.ts'
import { fakeClock } from '../../support/server/clock.ts'
import { fakeNetwork } from '../../support/outgoing/fake-network.ts'

const dnsError = (code: string) => Object.assign(new Error(code), { code })

describe('the memory of DNS', () => {
  const start = () => {
    const network = fakeNetwork()
    const clock = fakeClock()
    return { network, clock, resolver: new CachingResolver(network, clock) }
  }

  it('keeps addresses as long as they live, but for a moment at least and an hour at most', async () => {
    for (const [ttl, kept] of [
      [300, 300],
      [0, 5],
      [1_000_000, 3600],
    ] as const) {
      const { network, clock, resolver } = start()
      network.ttl = ttl
      network.addresses.set('a.test', ['1.2.3.4', '2606:4700::1'])
      const ask = async () => (await resolver.addresses('A.test.')).join()
      assert.equal(await ask(), '2606:4700::1,1.2.3.4')
      await clock.advance(kept * 1000 - 1)
      await ask()
      assert.equal(network.asked.length, 2, `${ttl}`)
      await clock.advance(1)
      await ask()
      assert.equal(network.asked.length, 4, `${ttl}`)
    }
  })

  it('asks once for many that ask at once', async () => {
    const { network, resolver } = start()
    network.addresses.set('a.test', ['1.2.3.4'])
    await Promise.all(Array.from({ length: 50 }, () => resolver.addresses('a.test')))
    assert.deepEqual(network.asked, ['6 a.test', '4 a.test'])
  })

  it('remembers what does not exist for five minutes, and trouble for ten seconds', async () => {
    const { network, clock, resolver } = start()
    const refuses = () => assert.rejects(resolver.addresses('gone.test'), /has no address/)
    await refuses()
    await refuses()
    assert.deepEqual(await resolver.services('_matrix._tcp.gone.test'), [])
    assert.deepEqual(await resolver.services('_matrix._tcp.gone.test'), [])
    assert.equal(network.asked.length, 3)
    await clock.advance(300_000)
    await refuses()
    assert.equal(network.asked.length, 5)
    let asked = 0
    network.resolve4 = network.resolve6 = () =>
      Promise.reject(asked++ < 100 ? dnsError('ESERVFAIL') : dnsError('ENOTFOUND'))
    for (let times = 0; times < 3; times++) await assert.rejects(resolver.addresses('broken.test'), /ESERVFAIL/)
    assert.equal(asked, 2)
    await clock.advance(10_000)
    await assert.rejects(resolver.addresses('broken.test'), /ESERVFAIL/)
    assert.equal(asked, 4)
  })

  it('takes one family where the other cannot be had, and asks for it soon again', async () => {
    const { network, clock, resolver } = start()
    network.addresses.set('a.test', ['1.2.3.4'])
    network.resolve6 = () => Promise.reject(dnsError('ESERVFAIL'))
    assert.deepEqual(await resolver.addresses('a.test'), ['1.2.3.4'])
    await clock.advance(10_000)
    network.resolve6 = async () => [{ address: '2606:4700::1', ttl: 300 }]
    assert.deepEqual(await resolver.addresses('a.test'), ['2606:4700::1', '1.2.3.4'])
  })

  it('answers in time where DNS never does', async function () {
    this.timeout(20_000)
    const { network, resolver } = start()
    network.resolve4 = network.resolve6 = () => new Promise(() => {})
    const started = performance.now()
    await assert.rejects(resolver.addresses('a.test'), /ETIMEOUT/)
    assert.ok(performance.now() - started < 8000)
  })

  it('takes a bounded part of long answers, and bounds what is asked at once', async () => {
    const { network, resolver } = start()
    network.addresses.set(
      'a.test',
      Array.from({ length: 200 }, (_, at) => `1.2.3.${at}`),
    )
    assert.equal((await resolver.addresses('a.test')).length, 32)
    network.resolve4 = network.resolve6 = () => new Promise(() => {})
    for (let at = 0; at < 1000; at++) resolver.addresses(`n${at}.test`).catch(() => {})
    await assert.rejects(resolver.addresses('one-more.test'), /Too many names/)
  })

  it('looks into the hosts file of the machine before', async () => {
    const network = systemNetwork()
    assert.ok((await network.resolve4('localhost')).some(({ address }) => address === '127.0.0.1'))
    network.cancel()
  })
})

describe('slots', () => {
  const never = new AbortController().signal

  it('run a number for each place and in all, and the others in their order', async () => {
    const slots = new Slots({ perKey: 2, inAll: 3, waiting: 10 })
    const started: string[] = []
    const take = (name: string) =>
      slots.take(name[0]!, never).then((release) => {
        started.push(name)
        return release
      })
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const [a1, , a3, b1] = ['a1', 'a2', 'a3', 'b1', 'b2', 'c1'].map(take)
    await turn()
    assert.deepEqual(started, ['a1', 'a2', 'b1'])
    ;(await a1!)()
    await turn()
    assert.deepEqual(started.slice(3), ['a3'])
    ;(await b1!)()
    await turn()
    assert.deepEqual(started.slice(4), ['b2'])
    const release = await a3!
    release()
    release()
    await turn()
    assert.deepEqual(started.slice(5), ['c1'])
  })

  it('let no more than a number wait', async () => {
    const slots = new Slots({ perKey: 1, inAll: 10, waiting: 1 })
    await slots.take('a', never)
    const controller = new AbortController()
    const waiting = slots.take('a', controller.signal)
    await assert.rejects(slots.take('a', never), /Too many requests wait/)
    controller.abort(new Error('enough'))
    await assert.rejects(waiting, /enough/)
    const release = await slots.take('b', never)
    release()
  })
})

describe('answers that are wanted whole', () => {
  it('hold a number of bytes at most while they arrive, all together', async () => {
    const whole = new WholeBodies(10)
    const { promise, resolve } = Promise.withResolvers<void>()
    const slow = async function* () {
      yield Buffer.from('123456')
      await promise
      yield Buffer.from('7')
    }
    const quick = async function* () {
      yield Buffer.from('12345')
    }
    const first = whole.read(slow())
    await assert.rejects(whole.read(quick()), /Too much/)
    resolve()
    assert.equal((await first).length, 7)
    assert.equal((await whole.read(quick())).length, 5)
  })
})
