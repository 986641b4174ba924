import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request, type Agent, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { OutgoingError, type OutgoingRequest } from '#base/outgoing.ts'
import { createAgents } from '#http/out/agents.ts'
import { CachingResolver } from '#http/out/resolver.ts'
import { fakeNetwork } from '../../support/outgoing/fake-network.ts'
import { fakeClock } from '../../support/server/clock.ts'
import { TestAuthority } from '../../support/outgoing/certificates.ts'
import { testOutgoing } from '../../support/outgoing/test-outgoing.ts'
import { startWebServer } from '../../support/outgoing/web-server.ts'

const usual = { method: 'GET', allowsHttp: true, timeoutMs: 5000, maxBytes: 1000 } as const
const text = (body: Uint8Array) => Buffer.from(body).toString()

/** The client, and a web server at `http://web.test`. */
async function startBoth(answer: RequestListener) {
  const web = await startWebServer(answer)
  const test = testOutgoing()
  test.network.addresses.set('web.test', ['1.2.3.4'])
  test.network.ports.set('web.test:80', web.port)
  const ask = (more: Partial<OutgoingRequest> = {}) =>
    test.outgoing.fetch({ ...usual, to: 'http://web.test/', ...more })
  const fails = (reason: RegExp, more: Partial<OutgoingRequest> = {}) =>
    assert.rejects(
      ask(more),
      (error) => error instanceof OutgoingError && !error.isUnsent && reason.test(error.message),
    )
  return {
    ...test,
    web,
    ask,
    fails,
    async [Symbol.asyncDispose]() {
      await test[Symbol.asyncDispose]()
      await web[Symbol.asyncDispose]()
    },
  }
}

describe('the client for other machines', () => {
  it('sends what it is given and answers what comes', async () => {
    await using both = await startBoth((request, response) => {
      response.writeHead(201, { 'x-one': 'two' })
      request.pipe(response)
    })
    const answer = await both.ask({
      method: 'POST',
      to: 'http://web.test/a%20b?c#d',
      body: 'möre',
      headers: { 'x-y': 'z' },
    })
    assert.deepEqual([answer.status, answer.headers['x-one'], text(answer.body)], [201, 'two', 'möre'])
    const [{ url, headers }] = both.web.requests as [(typeof both.web.requests)[0]]
    assert.equal(url, '/a%20b?c')
    assert.deepEqual([headers.host, headers['x-y'], headers['content-length']], ['web.test', 'z', '5'])
    assert.match(headers['user-agent'] ?? '', /^Myelin\//)
  })

  it('keeps connections for the next requests, and forgets those that are closed meanwhile', async () => {
    let last: Socket | undefined
    await using both = await startBoth((request, response) => {
      last = request.socket
      response.end('x')
    })
    for (let times = 0; times < 5; times++) await both.ask()
    assert.equal(both.web.connections(), 1)
    last?.destroy()
    await both.ask({ method: 'PUT', body: '{}' })
    assert.equal(both.web.connections(), 2)
  })

  it('opens a bounded number of connections to one place, and lets the others wait', async () => {
    const open: ServerResponse[] = []
    let most = 0
    let asked = 0
    await using both = await startBoth((_request, response) => {
      most = Math.max(most, open.push(response))
      // All that may run at once, or the last ones.
      if (++asked % 32 === 0 || asked === 200) for (const each of open.splice(0)) each.end()
    })
    await Promise.all(Array.from({ length: 200 }, () => both.ask()))
    assert.equal(most, 32)
    assert.equal(both.web.requests.length, 200)
  })

  it('gives up a request that waits for its turn', async () => {
    await using both = await startBoth(() => {})
    const running = Array.from({ length: 32 }, () => both.ask({ timeoutMs: 400 }).catch(() => {}))
    await assert.rejects(both.ask({ timeoutMs: 50 }), (error) => error instanceof OutgoingError && error.isUnsent)
    await Promise.all(running)
    assert.ok(both.web.requests.length <= 32)
  })

  it('goes by no proxy of the environment', async () => {
    await using both = await startBoth((_request, response) => response.end('direct'))
    const before = { ...process.env }
    Object.assign(process.env, {
      NODE_USE_ENV_PROXY: '1',
      HTTP_PROXY: 'http://127.0.0.1:1',
      http_proxy: 'http://127.0.0.1:1',
    })
    try {
      assert.equal(text((await both.ask()).body), 'direct')
    } finally {
      for (const name of ['NODE_USE_ENV_PROXY', 'HTTP_PROXY', 'http_proxy'])
        if (before[name] === undefined) delete process.env[name]
        else process.env[name] = before[name]
    }
  })

  it('refuses answers that are larger than asked for, before or while they come', async () => {
    await using both = await startBoth((request, response) => {
      if (request.url === '/told') response.writeHead(200, { 'content-length': 1001 })
      response.write('x'.repeat(600))
      setTimeout(() => response.end('x'.repeat(401)), 20)
    })
    await both.fails(/too large/, { to: 'http://web.test/told' })
    await both.fails(/too large/)
    assert.equal((await both.ask({ maxBytes: 1001 })).body.length, 1001)
  })

  it('T54 cuts an endless answer off, that drips slowly, or comes to a halt', async () => {
    await using both = await startBoth((request, response) => {
      response.write('x')
      if (request.url === '/halt') return
      const drip = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(drip))
    })
    const started = performance.now()
    await both.fails(/too long/, { timeoutMs: 300, idleMs: 100 })
    await both.fails(/halt/, { to: 'http://web.test/halt', idleMs: 100 })
    assert.ok(performance.now() - started < 2000)
  })

  it('T54 cuts a server off that never answers, or drips its headers', async () => {
    await using both = await startBoth(() => {})
    await both.fails(/too long/, { timeoutMs: 100 })
    const dripping = createServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n')
      const drip = setInterval(() => socket.write('x: y\r\n'), 20)
      socket.on('close', () => clearInterval(drip)).on('error', () => {})
    })
    await new Promise<void>((resolve) => dripping.listen(0, '127.0.0.1', resolve))
    try {
      both.network.ports.set('web.test:81', (dripping.address() as { port: number }).port)
      await both.fails(/too long/, { to: 'http://web.test:81/', timeoutMs: 200 })
    } finally {
      dripping.close()
    }
  })

  it('T54 reads only media types that the caller expects', async () => {
    await using both = await startBoth((request, response) => {
      response.writeHead(request.url === '/404' ? 404 : 200, { 'content-type': 'Audio/MPEG; x=y' })
      response.write('x')
      if (request.url === '/404') response.end()
    })
    await both.fails(/media type/, { accepts: ['text/html', 'image/*'] })
    assert.equal((await both.ask({ to: 'http://web.test/404', accepts: ['text/html'] })).status, 404)
    const { body } = await both.outgoing.open({ ...usual, to: 'http://web.test/', accepts: ['audio/*'] })
    for await (const chunk of body) {
      assert.equal(text(chunk), 'x')
      break
    }
  })

  it('T62 asks for no compression and reads no compressed answer', async () => {
    await using both = await startBoth((_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(1_000_000)).subarray(0, 900))
    })
    await both.fails(/compressed/)
    assert.equal(both.web.requests[0]?.headers['accept-encoding'], 'identity')
  })

  it('T50 follows redirects as often as asked, and keeps credentials to the first place', async () => {
    await using both = await startBoth((request, response) => {
      const at = Number(request.url?.slice(1))
      if (at === 3) response.end('found')
      else response.writeHead(307, { location: `//other.test/${at + 1}` }).end('y')
    })
    both.network.addresses.set('other.test', ['1.2.3.5'])
    both.network.ports.set('other.test:80', both.web.port)
    const to = 'http://web.test/0'
    const answer = await both.ask({ to, maxRedirects: 3, headers: { authorization: 'secret' } })
    assert.deepEqual([text(answer.body), answer.url], ['found', 'http://other.test/3'])
    assert.deepEqual(
      both.web.requests.map(({ headers }) => headers.authorization),
      ['secret', undefined, undefined, undefined],
    )
    await both.fails(/Too many redirects/, { to, maxRedirects: 2 })
    assert.equal((await both.ask({ to })).status, 307)
    assert.equal((await both.ask({ to, method: 'POST', maxRedirects: 3 })).status, 307)
  })

  it('says what was not sent for certain', async () => {
    await using both = await startBoth((request) => request.socket.destroy())
    const isUnsent = async (to: string) =>
      both.ask({ to }).then(
        () => undefined,
        (error: OutgoingError) => error.isUnsent,
      )
    assert.equal(await isUnsent('http://nowhere.test/'), true)
    assert.equal(await isUnsent('http://web.test:82/'), true)
    assert.equal(await isUnsent('http://web.test/'), false)
  })

  it('speaks nothing but HTTP', async () => {
    await using both = await startBoth(({ socket }) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
    })
    await both.fails(/changes the protocol/)
  })

  it('sends nothing twice that may not be done twice', async () => {
    let isClosing = false
    await using both = await startBoth((request, response) => {
      if (isClosing) request.socket.destroy()
      else response.end()
    })
    await both.ask()
    isClosing = true
    await both.fails(/ECONNRESET/, { method: 'POST', body: '{}' })
    assert.equal(both.web.requests.length, 2)
  })

  it('ends what is under way when it is closed', async () => {
    await using both = await startBoth(() => {})
    const asked = both.ask()
    const outcome = assert.rejects(asked, /The server stops/)
    await new Promise((resolve) => setTimeout(resolve, 20))
    await both.outgoing.close()
    await outcome
    await assert.rejects(both.ask(), /The server stops/)
  })

  it('gives up when the caller does', async () => {
    await using both = await startBoth(() => {})
    const controller = new AbortController()
    const asked = both.ask({ signal: controller.signal })
    setTimeout(() => controller.abort(), 20)
    await assert.rejects(asked, /given up/)
  })
})

describe('connections that are kept', () => {
  const dialing = () => {
    const network = fakeNetwork()
    return { network, resolver: new CachingResolver(network, fakeClock()), isAllowed: () => true }
  }
  const ask = async (agent: Agent, host: string): Promise<Socket> => {
    const asked = request({ agent, host, port: 80 }).end()
    const [socket] = (await once(asked, 'socket')) as [Socket]
    const [response] = (await once(asked, 'response')) as [IncomingMessage]
    await once(response.resume(), 'close')
    return socket
  }

  it('are a bounded number, of which the longest idle go first', async () => {
    await using web = await startWebServer((_request, response) => response.end())
    const { network, ...rest } = dialing()
    const agents = createAgents({ network, ...rest }, [])
    const closed: string[] = []
    for (let at = 0; at < 1070; at++) {
      network.addresses.set(`n${at}.test`, ['1.2.3.4'])
      network.ports.set(`n${at}.test:80`, web.port)
      const socket = await ask(agents.http, `n${at}.test`)
      socket.once('close', () => closed.push(`n${at}.test`))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const idle = Object.values(agents.http.freeSockets).flatMap((sockets) => sockets ?? [])
    assert.equal(idle.filter(({ destroyed }) => !destroyed).length, 1024)
    assert.equal(closed[0], 'n0.test')
    agents.close()
  })

  it('leave nothing behind of places that cannot be reached', async () => {
    const { network, ...rest } = dialing()
    const agents = createAgents({ network, ...rest }, [])
    network.addresses.set('closed.test', ['1.2.3.4'])
    for (let at = 0; at < 20; at++) await assert.rejects(ask(agents.http, at % 2 === 0 ? 'closed.test' : `n${at}.test`))
    assert.deepEqual([Object.keys(agents.http.sockets), Object.keys(agents.http.requests)], [[], []])
    agents.close()
  })
})

describe('the client with TLS', () => {
  let authority: TestAuthority
  before(() => {
    authority = new TestAuthority()
  })
  after(() => authority[Symbol.dispose]())

  const startSecure = async (names: readonly string[], { isTrusted = true } = {}) => {
    const web = await startWebServer((_request, response) => response.end('here'), authority.identity(...names))
    const test = testOutgoing({ authorities: isTrusted ? [authority.pem] : [], allowed: ['127.0.0.1'] })
    test.network.addresses.set('web.test', ['1.2.3.4'])
    test.network.ports.set('web.test:443', web.port).set('127.0.0.1:443', web.port)
    const ask = (to: OutgoingRequest['to']) => test.outgoing.fetch({ ...usual, to })
    return {
      ...test,
      web,
      ask,
      async [Symbol.asyncDispose]() {
        await test[Symbol.asyncDispose]()
        await web[Symbol.asyncDispose]()
      },
    }
  }
  const place = { host: 'web.test', port: 443, hostHeader: 'served.test', path: "/a/../b%2e?'" }

  it('compares the certificate with the name that it must prove, and names that one only', async () => {
    await using test = await startSecure(['served.test'])
    const { body } = await test.ask({ ...place, certificateName: 'served.test' })
    assert.equal(text(body), 'here')
    assert.deepEqual(test.web.names, ['served.test'])
    assert.deepEqual([test.web.requests[0]?.url, test.web.requests[0]?.headers.host], [place.path, 'served.test'])
    for (const certificateName of ['web.test', 'other.test', '1.2.3.4'])
      await assert.rejects(
        test.ask({ ...place, certificateName }),
        (error) => error instanceof OutgoingError && error.isUnsent && /ERR_TLS_CERT/.test(error.message),
      )
    assert.equal(test.web.requests.length, 1)
  })

  it('compares an address with the addresses in the certificate, and sends no name', async () => {
    await using test = await startSecure(['127.0.0.1'])
    assert.equal(text((await test.ask('https://127.0.0.1/')).body), 'here')
    assert.deepEqual(test.web.names, [false])
    await using other = await startSecure(['served.test'])
    await assert.rejects(other.ask('https://127.0.0.1/'), /ERR_TLS_CERT/)
  })

  it('sends nothing to a server whose authority it does not know, whatever the environment says', async () => {
    await using test = await startSecure(['web.test'], { isTrusted: false })
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
    try {
      await assert.rejects(test.ask('https://web.test/'), /UNABLE_TO_VERIFY/)
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
    }
    assert.equal(test.web.requests.length, 0)
  })

  it('never reuses a connection for another name', async () => {
    await using test = await startSecure(['one.test', 'two.test'])
    for (const name of ['one.test', 'two.test', 'one.test', 'two.test'])
      await test.ask({ ...place, certificateName: name })
    assert.deepEqual(test.web.names, ['one.test', 'two.test'])
  })
})
