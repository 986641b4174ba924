import assert from 'node:assert/strict'
import { Destinations } from '#services/remote/destinations.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { jsonAnswer, startFederation } from '../../support/federation/network.ts'
import { fakeClock } from '../../support/server/clock.ts'

const hour = 3_600_000
const far = 'far.test'

describe('servers that do not answer', function () {
  this.timeout(30_000)

  it('are left alone for pauses that double from half a second to an hour', async () => {
    const clock = fakeClock()
    const destinations = new Destinations(clock)
    const pauses: number[] = []
    for (let failure = 0; failure < 16; failure++) {
      destinations.failed(far, 'no')
      const { retryAt } = destinations.find(far)!
      pauses.push(retryAt - clock.now())
      assert.ok(destinations.isBackedOff(far))
      await clock.advance(retryAt - clock.now())
      assert.ok(!destinations.isBackedOff(far))
    }
    assert.deepEqual(pauses.slice(0, 4), [500, 1000, 2000, 4000])
    assert.deepEqual(pauses.slice(-2), [hour, hour])
  })

  it('fail once where requests side by side fail', () => {
    const destinations = new Destinations(fakeClock())
    for (let failure = 0; failure < 10; failure++) destinations.failed(far, 'no')
    assert.equal(destinations.find(far)!.interval, 500)
  })

  it('are asked again when they ask us, once a second at most while they fail', async () => {
    const clock = fakeClock()
    const destinations = new Destinations(clock)
    const due: string[] = []
    for (let failure = 0; failure < 12; failure++) {
      destinations.failed(far, 'no')
      await clock.advance(destinations.find(far)!.interval)
    }
    destinations.failed(far, 'no')
    destinations.watch((server, news) => void (news !== 'failed' && due.push(`${server} ${news}`)))
    destinations.heardFrom(far)
    destinations.heardFrom(far)
    assert.equal(destinations.find(far)!.retryAt, clock.now() + 1000)
    await clock.advance(5000)
    destinations.failed(far, 'no')
    await clock.advance(5000)
    destinations.heardFrom(far)
    assert.ok(!destinations.isBackedOff(far))
    assert.deepEqual(due, [`${far} due`, `${far} alive`, `${far} due`])
  })

  it('are not asked in vain, but for what a user waits for, until an answer shows that they are back', async () => {
    await using federation = await startFederation(['a.test'])
    const { network, clock, servers } = federation
    const { context: ctx } = servers[0]!
    let answer = async () => jsonAnswer(502, { error: 'Bad gateway' })
    network.addFake(far, () => answer())
    const asked = () => network.requests.filter(({ destination }) => destination === far).length
    const ask = (isUrgent = false) =>
      askServer(ctx, { destination: far, method: 'GET', path: ['x'], isUrgent }).catch((error: unknown) => error)
    for (let second = 0; second < 20; second++) {
      assert.ok((await ask()) instanceof RemoteError)
      await clock.advance(1000)
    }
    const before = asked()
    assert.ok((await ask()) instanceof RemoteError)
    assert.equal(asked(), before)
    assert.ok((await ask(true)) instanceof RemoteError)
    assert.equal(asked(), before + 1)
    answer = async () => jsonAnswer(404, { errcode: 'M_NOT_FOUND', error: 'It is there, and has no such thing' })
    await ask(true)
    assert.equal(ctx.destinations.find(far), undefined)
    await ask()
    assert.equal(asked(), before + 3)
  })

  it('are not taken to fail for what they refuse, for what is aborted, and for what may not be asked', async () => {
    await using federation = await startFederation(['a.test'])
    const { context: ctx } = federation.servers[0]!
    const aborted = AbortSignal.abort()
    federation.network.addFake(far, async ({ signal }) => {
      if (signal?.aborted) throw new Error('Aborted')
      return jsonAnswer(403, { errcode: 'M_FORBIDDEN', error: 'No' })
    })
    for (const [destination, signal] of [
      [far, undefined],
      [far, aborted],
      ['no name', undefined],
      ['a.test', undefined],
    ] as const)
      await assert.rejects(askServer(ctx, { destination, method: 'GET', path: ['x'], ...(signal && { signal }) }))
    for (const server of [far, 'no name', 'a.test']) assert.equal(ctx.destinations.find(server), undefined)
  })
})
