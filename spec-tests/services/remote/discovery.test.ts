import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { inOrder } from '#services/remote/service-targets.ts'
import { systemTokens } from '#base/tokens.ts'
import { TestAuthority } from '../../support/outgoing/certificates.ts'
import { startPlaces } from '../../support/outgoing/server-places.ts'

const hour = 3_600_000
const record = (name: string, port: number, { priority = 1, weight = 1 } = {}) => ({ name, port, priority, weight })

describe('where a server is', () => {
  let authority: TestAuthority
  before(() => {
    authority = new TestAuthority()
  })
  after(() => authority[Symbol.dispose]())

  /** Asks a server and expects it at this place, under this Host header and with this name while connecting. */
  const isAt = async (
    places: ReturnType<typeof startPlaces>,
    server: string,
    expected: { at: string; host: string; name: string | false; web: Awaited<ReturnType<typeof places.serve>> },
  ) => {
    const { body } = await places.ask(server)
    assert.equal(JSON.parse(Buffer.from(body).toString()).at, expected.at)
    assert.equal(expected.web.requests.at(-1)?.headers.host, expected.host)
    assert.equal(expected.web.names.at(-1), expected.name)
  }

  it('1: is its address, with its port or 8448, and its certificate is for the address', async () => {
    await using places = startPlaces(authority)
    const usual = await places.serve('127.0.0.1:8448', ['127.0.0.1'])
    const ported = await places.serve('127.0.0.1:81', ['127.0.0.1'])
    const wrong = await places.serve('127.0.0.2:8448', ['127.0.0.1', 'a.test'])
    await isAt(places, '127.0.0.1', { at: '127.0.0.1:8448', host: '127.0.0.1', name: false, web: usual })
    await isAt(places, '127.0.0.1:81', { at: '127.0.0.1:81', host: '127.0.0.1:81', name: false, web: ported })
    await assert.rejects(places.ask('127.0.0.2'), /ERR_TLS_CERT/)
    assert.deepEqual([wrong.requests, places.network.asked], [[], []])
  })

  it('1: may be an IPv6 address', async () => {
    await using places = startPlaces(authority)
    const at = '[2606:4700::1]'
    const usual = await places.serve(`${at}:8448`, ['2606:4700::1'])
    const ported = await places.serve(`${at}:81`, ['2606:4700::1'])
    await isAt(places, at, { at: `${at}:8448`, host: at, name: false, web: usual })
    await isAt(places, `${at}:81`, { at: `${at}:81`, host: `${at}:81`, name: false, web: ported })
  })

  it('2: is its host where it names a port, and nothing else is asked', async () => {
    await using places = startPlaces(authority)
    const delegating = await places.delegate('a.test', 'other.test:1')
    const web = await places.serve('a.test:81', ['a.test'])
    places.network.services.set('_matrix-fed._tcp.a.test', [record('other.test', 1)])
    await isAt(places, 'a.test:81', { at: 'a.test:81', host: 'a.test:81', name: 'a.test', web })
    assert.deepEqual([delegating.requests, places.network.asked], [[], ['6 a.test', '4 a.test']])
  })

  it('3.1: is the address that its host delegates to', async () => {
    await using places = startPlaces(authority)
    const usual = await places.serve('127.0.0.1:8448', ['127.0.0.1'])
    const ported = await places.serve('127.0.0.1:81', ['127.0.0.1'])
    const sixth = await places.serve('[2606:4700::1]:8448', ['2606:4700::1'])
    await places.delegate('a.test', '127.0.0.1')
    await places.delegate('b.test', '127.0.0.1:81')
    await places.delegate('c.test', '[2606:4700::1]')
    await isAt(places, 'a.test', { at: '127.0.0.1:8448', host: '127.0.0.1', name: false, web: usual })
    await isAt(places, 'b.test', { at: '127.0.0.1:81', host: '127.0.0.1:81', name: false, web: ported })
    await isAt(places, 'c.test', { at: '[2606:4700::1]:8448', host: '[2606:4700::1]', name: false, web: sixth })
  })

  it('3.2: is the host and port that its host delegates to, with a certificate for that host', async () => {
    await using places = startPlaces(authority)
    await places.delegate('a.test', 'matrix.a.test:444')
    const web = await places.serve('matrix.a.test:444', ['matrix.a.test'])
    await isAt(places, 'a.test', { at: 'matrix.a.test:444', host: 'matrix.a.test:444', name: 'matrix.a.test', web })
    await places.delegate('b.test', 'wrong.test:444')
    await places.serve('wrong.test:444', ['b.test'])
    await assert.rejects(places.ask('b.test'), /ERR_TLS_CERT/)
  })

  it('3.3: is where the service of the delegated host is, with a certificate for that host', async () => {
    await using places = startPlaces(authority)
    await places.delegate('a.test', 'matrix.a.test')
    places.network.services.set('_matrix-fed._tcp.matrix.a.test', [record('n1.test', 445)])
    places.network.services.set('_matrix._tcp.matrix.a.test', [record('old.test', 446)])
    const web = await places.serve('n1.test:445', ['matrix.a.test'])
    await isAt(places, 'a.test', { at: 'n1.test:445', host: 'matrix.a.test', name: 'matrix.a.test', web })
  })

  it('3.4: is where the deprecated service of the delegated host is', async () => {
    await using places = startPlaces(authority)
    await places.delegate('a.test', 'matrix.a.test')
    places.network.services.set('_matrix._tcp.matrix.a.test', [record('old.test', 446)])
    const web = await places.serve('old.test:446', ['matrix.a.test'])
    await isAt(places, 'a.test', { at: 'old.test:446', host: 'matrix.a.test', name: 'matrix.a.test', web })
  })

  it('3.5: is the delegated host at 8448', async () => {
    await using places = startPlaces(authority)
    await places.delegate('a.test', 'matrix.a.test')
    const web = await places.serve('matrix.a.test:8448', ['matrix.a.test'])
    await isAt(places, 'a.test', { at: 'matrix.a.test:8448', host: 'matrix.a.test', name: 'matrix.a.test', web })
  })

  it('4 to 6: is where its own service is, else at 8448', async () => {
    await using places = startPlaces(authority)
    const { services } = places.network
    const itself = await places.serve('a.test:8448', ['a.test'])
    await isAt(places, 'a.test', { at: 'a.test:8448', host: 'a.test', name: 'a.test', web: itself })
    services.set('_matrix._tcp.b.test', [record('old.test', 446)])
    places.network.addresses.set('b.test', ['1.2.3.4'])
    const old = await places.serve('old.test:446', ['b.test'])
    await isAt(places, 'b.test', { at: 'old.test:446', host: 'b.test', name: 'b.test', web: old })
    services.set('_matrix-fed._tcp.c.test', [record('new.test', 447)])
    services.set('_matrix._tcp.c.test', [record('old.test', 446)])
    const fresh = await places.serve('new.test:447', ['c.test'])
    await isAt(places, 'c.test', { at: 'new.test:447', host: 'c.test', name: 'c.test', web: fresh })
  })

  it('is found at once where its host refuses connections to port 443', async () => {
    await using places = startPlaces(authority)
    await places.serve('a.test:8448', ['a.test'])
    const started = performance.now()
    await places.ask('a.test')
    assert.ok(performance.now() - started < 1000)
    assert.deepEqual(places.network.dialed, ['1.2.3.4 443', '1.2.3.4 8448'])
  })

  it('is not asked by a well-known document without a true certificate, or that is none', async () => {
    const bad: RequestListener[] = [
      (_request, response) => response.writeHead(404).end('{"m.server":"evil.test:1"}'),
      (_request, response) => response.writeHead(500).end('{"m.server":"evil.test:1"}'),
      (_request, response) => response.end('{"m.server":"evil.test:1"'),
      (_request, response) => response.end('{"m.server":["evil.test:1"]}'),
      (_request, response) => response.end('{"m.server":"https://evil.test"}'),
      (_request, response) => response.end('{"m.server":"evil.test:99999"}'),
      (_request, response) => response.end('{"m.server":""}'),
      (_request, response) => response.end('null'),
      (_request, response) => response.writeHead(302, { location: 'http://evil.test/' }).end(),
      (request) => request.socket.destroy(),
    ]
    for (const [at, answer] of bad.entries()) {
      await using places = startPlaces(authority)
      await places.delegate('a.test', answer)
      const web = await places.serve('a.test:8448', ['a.test'])
      await isAt(places, 'a.test', { at: 'a.test:8448', host: 'a.test', name: 'a.test', web }).catch(
        (error: unknown) => {
          throw new Error(`answer ${at}`, { cause: error })
        },
      )
    }
    await using places = startPlaces(authority)
    await places.serve('a.test:443', ['b.test'], (_request, response) => response.end('{"m.server":"evil.test:1"}'))
    const web = await places.serve('a.test:8448', ['a.test'])
    await isAt(places, 'a.test', { at: 'a.test:8448', host: 'a.test', name: 'a.test', web })
  })

  it('is found through redirects of the well-known document', async () => {
    await using places = startPlaces(authority)
    await places.delegate('www.a.test', 'matrix.a.test:444')
    await places.delegate('a.test', (request, response) =>
      response.writeHead(302, { location: `https://www.a.test${request.url}` }).end(),
    )
    const web = await places.serve('matrix.a.test:444', ['matrix.a.test'])
    await isAt(places, 'a.test', { at: 'matrix.a.test:444', host: 'matrix.a.test:444', name: 'matrix.a.test', web })
  })

  it('T53 is not looked for in a well-known document that is huge, slow, or behind many redirects', async () => {
    const bodies: RequestListener[] = [
      (_request, response) => response.end(JSON.stringify({ 'm.server': 'evil.test:1', pad: 'x'.repeat(51_200) })),
      (request, response) =>
        request.url === '/huge'
          ? void response.end(JSON.stringify({ 'm.server': 'evil.test:1', pad: 'x'.repeat(51_200) }))
          : void response.writeHead(302, { location: '/huge' }).end(),
      (request, response) => void response.writeHead(302, { location: `${request.url}x` }).end(),
      (request, response) => void response.writeHead(302, { location: request.url! }).end(),
    ]
    for (const answer of bodies) {
      await using places = startPlaces(authority)
      const host = await places.delegate('a.test', answer)
      const web = await places.serve('a.test:8448', ['a.test'])
      await isAt(places, 'a.test', { at: 'a.test:8448', host: 'a.test', name: 'a.test', web })
      assert.ok(host.requests.length <= 6)
      const asked = host.requests.length
      await places.ask('a.test')
      assert.equal(host.requests.length, asked, 'the failure is remembered')
    }
    await using places = startPlaces(authority)
    await places.delegate('a.test', (_request, response) => {
      const drip = setInterval(() => response.write(' '), 100)
      response.on('close', () => clearInterval(drip))
    })
    const web = await places.serve('a.test:8448', ['a.test'])
    const started = performance.now()
    await places.ask('a.test', { timeoutMs: 20_000 })
    assert.ok(performance.now() - started < 8000)
    assert.equal(web.requests.length, 1)
  }).timeout(30_000)

  it('is asked for again as seldom as the document says, within an hour and two days', async () => {
    const lifetimes: [Record<string, string>, number][] = [
      [{}, 24 * hour],
      [{ 'cache-control': 'max-age=7200' }, 2 * hour],
      [{ 'cache-control': 'public, Max-Age="7200"' }, 2 * hour],
      [{ 'cache-control': 'max-age=1' }, hour],
      [{ 'cache-control': 'no-store' }, hour],
      [{ 'cache-control': 'max-age=99999999' }, 48 * hour],
      [{ 'cache-control': 'max-age=14400', age: '7200' }, 2 * hour],
      [{ expires: 'Thu, 01 Jan 2026 03:00:00 GMT', date: 'Thu, 01 Jan 2026 00:00:00 GMT' }, 3 * hour],
      [{ expires: '0' }, hour],
    ]
    for (const [headers, lifetime] of lifetimes) {
      await using places = startPlaces(authority)
      const host = await places.delegate('a.test', (_request, response) => {
        response.writeHead(200, headers).end('{"m.server":"matrix.a.test:444"}')
      })
      await places.serve('matrix.a.test:444', ['matrix.a.test'])
      await places.ask('a.test')
      await places.clock.advance(lifetime - 1)
      await places.ask('a.test')
      assert.equal(host.requests.length, 1, JSON.stringify(headers))
      await places.clock.advance(1)
      await places.ask('a.test')
      assert.equal(host.requests.length, 2, JSON.stringify(headers))
    }
  })

  it('is asked for ever less often where the host does not say it', async () => {
    await using places = startPlaces(authority)
    const host = await places.delegate('a.test', (_request, response) => response.writeHead(404).end())
    await places.serve('a.test:8448', ['a.test'])
    const minute = 60_000
    let asked = 0
    for (const pause of [1, 2, 4, 8, 16, 32, 60, 60]) {
      await places.ask('a.test')
      assert.equal(host.requests.length, ++asked)
      await places.clock.advance(pause * minute - 1)
      await places.ask('a.test')
      assert.equal(host.requests.length, asked, `${pause}`)
      await places.clock.advance(1)
    }
  })

  it('stays where it was while its host only fails to say it, for two days', async () => {
    await using places = startPlaces(authority)
    let status = 200
    await places.delegate('a.test', (_request, response) => {
      response.writeHead(status).end('{"m.server":"matrix.a.test:444"}')
    })
    const web = await places.serve('matrix.a.test:444', ['matrix.a.test'])
    await places.ask('a.test')
    status = 503
    await places.clock.advance(25 * hour)
    await places.ask('a.test')
    await places.clock.advance(22 * hour)
    await places.ask('a.test')
    assert.equal(web.requests.length, 3)
    await places.clock.advance(2 * hour)
    await assert.rejects(places.ask('a.test'), /ECONNREFUSED/)
  })

  it('is looked for anew where it is gone, an hour after it was found', async () => {
    await using places = startPlaces(authority)
    let delegated = 'old.test:444'
    const host = await places.delegate('a.test', (_request, response) =>
      response.end(JSON.stringify({ 'm.server': delegated })),
    )
    const old = await places.serve('old.test:444', ['old.test'])
    await places.ask('a.test')
    await old[Symbol.asyncDispose]()
    delegated = 'new.test:444'
    const web = await places.serve('new.test:444', ['new.test'])
    await places.clock.advance(hour)
    await assert.rejects(places.ask('a.test'), /ECONNRE/)
    await places.ask('a.test')
    assert.deepEqual([web.requests.length, host.requests.length], [1, 2])
  })

  it('is the next target of its service where one cannot be reached, by priority', async () => {
    await using places = startPlaces(authority)
    places.network.services.set('_matrix-fed._tcp.a.test', [
      record('third.test', 443, { priority: 3 }),
      record('first.test', 441, { priority: 1 }),
      record('wrong.test', 442, { priority: 2 }),
    ])
    const wrong = await places.serve('wrong.test:442', ['wrong.test'])
    const web = await places.serve('third.test:443', ['a.test'])
    await isAt(places, 'a.test', { at: 'third.test:443', host: 'a.test', name: 'a.test', web })
    assert.equal(wrong.requests.length, 0)
  })

  it('is not asked twice where a target took the request and did not answer', async () => {
    await using places = startPlaces(authority)
    places.network.services.set('_matrix-fed._tcp.a.test', [
      record('first.test', 441, { priority: 1 }),
      record('second.test', 442, { priority: 2 }),
    ])
    const first = await places.serve('first.test:441', ['a.test'], (request) => request.socket.destroy())
    const second = await places.serve('second.test:442', ['a.test'])
    for (const method of ['GET', 'PUT', 'POST'] as const)
      await assert.rejects(places.ask('a.test', { method }), /ECONNRESET/)
    assert.deepEqual([first.requests.length, second.requests.length], [3, 0])
  })

  it('is nowhere where its service says so', async () => {
    await using places = startPlaces(authority)
    places.network.services.set('_matrix-fed._tcp.a.test', [record('', 0)])
    await places.serve('a.test:8448', ['a.test'])
    await assert.rejects(places.ask('a.test'), /not served anywhere/)
  })

  it('is its name where DNS fails to say whether there is a service', async () => {
    await using places = startPlaces(authority)
    places.network.resolveServices = () => Promise.reject(Object.assign(new Error('x'), { code: 'ESERVFAIL' }))
    const web = await places.serve('a.test:8448', ['a.test'])
    await isAt(places, 'a.test', { at: 'a.test:8448', host: 'a.test', name: 'a.test', web })
  })

  it('is no place that is not public, whoever says it is there', async () => {
    await using places = startPlaces(authority)
    const { network } = places
    network.addresses.set('inner.test', ['10.0.0.1'])
    network.addresses.set('a.test', ['10.0.0.1'])
    await places.delegate('b.test', '10.0.0.1:8448')
    await places.delegate('c.test', 'inner.test:8448')
    network.addresses.set('d.test', ['1.2.3.4'])
    network.services.set('_matrix-fed._tcp.d.test', [record('inner.test', 443)])
    await places.delegate('e.test', (_request, response) =>
      response.writeHead(302, { location: 'https://inner.test/' }).end(),
    )
    for (const server of [
      '10.0.0.1',
      '10.0.0.1:443',
      '[::1]',
      '[fd00::1]:1',
      'inner.test:22',
      'a.test',
      'b.test',
      'c.test',
      'd.test',
    ])
      await assert.rejects(places.ask(server), /no public address/, server)
    await assert.rejects(places.ask('e.test'))
    assert.ok(network.dialed.every((dialed) => dialed.startsWith('1.2.3.4 ')))
  })

  it('cannot be found under what is no server name', async () => {
    await using places = startPlaces(authority)
    for (const server of [
      '',
      'a.test:0',
      'a.test:65536',
      'a.test:',
      'a b',
      'a.test/x',
      '[::1',
      '256.1.1.1',
      '%31.test',
      'a@b.test',
    ])
      await assert.rejects(places.ask(server), /No server can be reached/, server)
    assert.deepEqual([places.network.asked, places.network.dialed], [[], []])
  })
})

describe('the targets of a service', () => {
  it('come by priority, and within one as often first as their weight says', () => {
    const records = [
      record('rare.test', 1, { priority: 1, weight: 10 }),
      record('often.test', 1, { priority: 1, weight: 90 }),
      record('never.test', 1, { priority: 1, weight: 0 }),
      record('last.test', 1, { priority: 2, weight: 65_535 }),
    ]
    const first = new Map<string, number>()
    for (let times = 0; times < 2000; times++) {
      const order = inOrder(records, systemTokens).map(({ name }) => name)
      assert.deepEqual(order.toSorted(), records.map(({ name }) => name).toSorted())
      assert.equal(order[3], 'last.test')
      first.set(order[0]!, (first.get(order[0]!) ?? 0) + 1)
    }
    const share = (name: string) => (first.get(name) ?? 0) / 2000
    assert.ok(share('often.test') > 0.85 && share('often.test') < 0.95, `${share('often.test')}`)
    assert.ok(share('rare.test') > 0.05 && share('never.test') < 0.05)
  })
})
