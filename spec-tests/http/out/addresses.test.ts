import assert from 'node:assert/strict'
import { loadConfig } from '#base/config/load.ts'
import { OutgoingError } from '#base/outgoing.ts'
import { addressGate } from '#http/out/public-address.ts'
import { systemNetwork } from '#http/out/network.ts'
import { fakeNetwork } from '../../support/outgoing/fake-network.ts'
import { testOutgoing, type TestOutgoing } from '../../support/outgoing/test-outgoing.ts'
import { startWebServer } from '../../support/outgoing/web-server.ts'

const usual = { method: 'GET', allowsHttp: true, timeoutMs: 5000, maxBytes: 1000 } as const
const privateIpv4 = [
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '127.0.0.1',
  '127.255.255.254',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.1',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '239.255.255.250',
  '255.255.255.255',
]
const privateIpv6 = [
  '::',
  '::1',
  '::7f00:1',
  '::10.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '2002:808:808::1',
  '3fff::1',
  'fc00::1',
  'fd12:3456::1',
  'fe80::1',
  'fec0::1',
  'ff02::1',
]

describe('addresses that may be connected to', () => {
  it('T48 are public ones, whatever an address holds within', () => {
    const isAllowed = addressGate([])
    for (const address of [...privateIpv4, ...privateIpv6]) assert.equal(isAllowed(address), false, address)
    for (const address of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450::1'])
      assert.equal(isAllowed(address), true, address)
    for (const text of ['fe80::1%eth0', '2606:4700::1111%1', '0177.0.0.1', '0x7f.1', '127.1', '2130706433', ''])
      assert.equal(isAllowed(text), false, text)
  })

  it('are also those of the allowed networks', () => {
    const isAllowed = addressGate(['127.0.0.0/8', 'fd00::/8', '10.0.0.1'])
    for (const address of ['127.0.0.1', 'fd12::1', '10.0.0.1', '8.8.8.8'])
      assert.equal(isAllowed(address), true, address)
    for (const address of ['10.0.0.2', '::1', 'fc00::1']) assert.equal(isAllowed(address), false, address)
  })

  it('must be ranges in the configuration', () => {
    const settings = { outgoing: { allowed_networks: ['127.0.0.0/8', 'localhost', '10.0.0.0/33'] } }
    assert.throws(
      () => loadConfig({ settings }),
      /allowed_networks: .*localhost[^]*allowed_networks: .*10\.0\.0\.0\/33/,
    )
  })
})

describe('requests to private addresses', () => {
  let trap: Awaited<ReturnType<typeof startWebServer>>
  before(async () => {
    trap = await startWebServer((_request, response) => response.end('secret'))
  })
  after(() => trap[Symbol.asyncDispose]())

  const refuses = async ({ outgoing, network }: TestOutgoing, to: string, reason = /no public address/) => {
    await assert.rejects(
      outgoing.fetch({ ...usual, to }),
      (error) => error instanceof OutgoingError && error.isUnsent && reason.test(error.message),
      to,
    )
    assert.deepEqual(network.dialed, [], to)
  }

  it('T47 T48 are refused in every form in which a URL can write an address', async () => {
    await using test = testOutgoing()
    const hosts = [
      ...privateIpv4,
      ...privateIpv6.map((address) => `[${address}]`),
      '0177.0.0.1',
      '0x7f000001',
      '2130706433',
      '127.1',
      '0',
      '127.0.0.1.',
      '①②⑦.⓪.⓪.①',
    ]
    for (const host of hosts) await refuses(test, `http://${host}:${trap.port}/`)
  })

  it('T48 are refused in forms that a resolver might read as an address', async () => {
    await using test = testOutgoing()
    for (const host of ['0177.0.0.1', '2130706433', '127.1', '0x7f000001', '0x7f.1', '127.0.0.1.']) {
      const to = { host, port: 8448, certificateName: host, hostHeader: host, path: '/' }
      await assert.rejects(test.outgoing.fetch({ ...usual, to }), /is no host name/, host)
    }
    const to = { host: 'fe80::1%lo', port: 8448, certificateName: 'a.test', hostHeader: 'a.test', path: '/' }
    await assert.rejects(test.outgoing.fetch({ ...usual, to }), /no public address/)
    assert.deepEqual([test.network.dialed, test.network.asked], [[], []])
  })

  it('T47 are refused for names that lead there, those of this machine and of clouds among them', async () => {
    const network = fakeNetwork()
    network.addresses.set('localhost', ['127.0.0.1', '::1'])
    network.addresses.set('metadata.google.internal', ['169.254.169.254'])
    for (const [at, address] of [...privateIpv4, ...privateIpv6].entries())
      network.addresses.set(`n${at}.test`, [address])
    await using test = testOutgoing({ network })
    for (const name of network.addresses.keys()) await refuses(test, `http://${name}:${trap.port}/`)
  })

  it('T47 are refused under other schemes, and without TLS where that was not allowed', async () => {
    await using test = testOutgoing()
    for (const to of ['file:///etc/passwd', 'gopher://example.org/', 'ftp://example.org/', 'data:,x', 'blob:x'])
      await refuses(test, to, /is not spoken/)
    await refuses(test, 'no url', /no URL/)
    await refuses(test, 'https://user:password@example.org/', /credentials/)
    const to = 'http://example.org/'
    await assert.rejects(test.outgoing.fetch({ ...usual, allowsHttp: false, to }), /is not spoken/)
  })

  it('goes to the public addresses of a name that has private ones as well', async () => {
    await using test = testOutgoing()
    test.network.addresses.set('mixed.test', ['10.0.0.1', '1.2.3.4', '::1'])
    test.network.ports.set('mixed.test:80', trap.port)
    await test.outgoing.fetch({ ...usual, to: 'http://mixed.test/' })
    assert.deepEqual(test.network.dialed, ['1.2.3.4 80'])
  })

  it('T49 are refused where a name had a public address a moment ago', async () => {
    await using test = testOutgoing()
    const { network, outgoing, clock } = test
    let address = '1.2.3.4'
    network.addresses.set('rebound.test', () => [address])
    network.ttl = 0
    await using web = await startWebServer((_request, response) =>
      response.writeHead(200, { connection: 'close' }).end(),
    )
    network.ports.set('rebound.test:80', web.port)
    await outgoing.fetch({ ...usual, to: 'http://rebound.test/' })
    address = '127.0.0.1'
    await clock.advance(6000)
    await assert.rejects(outgoing.fetch({ ...usual, to: 'http://rebound.test/' }), /no public address/)
    assert.deepEqual(network.dialed, ['1.2.3.4 80'])
  })

  it('T50 are refused where a redirect leads there, at each hop', async () => {
    await using test = testOutgoing()
    const { network, outgoing } = test
    let location = ''
    await using web = await startWebServer((request, response) => {
      if (request.url === '/second') response.writeHead(302, { location })
      else response.writeHead(302, { location: 'http://other.test/second' })
      response.end('not to be read')
    })
    network.addresses.set('first.test', ['1.2.3.4'])
    network.addresses.set('other.test', ['1.2.3.5'])
    network.addresses.set('inner.test', ['192.168.0.1'])
    network.ports.set('first.test:80', web.port).set('other.test:80', web.port).set('inner.test:80', trap.port)
    const before = trap.requests.length
    for (location of [
      `http://127.0.0.1:${trap.port}/`,
      'http://inner.test/',
      'http://[::1]/',
      'file:///etc/passwd',
      'https://x:y@first.test/',
    ])
      await assert.rejects(
        outgoing.fetch({ ...usual, to: 'http://first.test/', maxRedirects: 5 }),
        (error) => error instanceof OutgoingError && !error.isUnsent,
        location,
      )
    assert.equal(trap.requests.length, before)
    assert.ok(network.dialed.every((dialed) => /^1\.2\.3\.[45] 80$/.test(dialed)))
  })

  it('are made where the administrator allows it', async () => {
    await using test = testOutgoing({ allowed: ['127.0.0.1'], network: { ...fakeNetwork(), ...systemNetwork() } })
    const { body } = await test.outgoing.fetch({ ...usual, to: `http://127.0.0.1:${trap.port}/` })
    assert.equal(Buffer.from(body).toString(), 'secret')
  })
})

describe('happy eyeballs', () => {
  it('go on to the next address where one is closed', async () => {
    await using web = await startWebServer((_request, response) => response.end('here'), undefined, '127.0.0.3')
    const network = { ...fakeNetwork(), connect: systemNetwork().connect }
    network.addresses.set('many.test', ['::1', '127.0.0.2', '127.0.0.3'])
    await using test = testOutgoing({ allowed: ['127.0.0.0/8', '::1'], network })
    const { body } = await test.outgoing.fetch({ ...usual, to: `http://many.test:${web.port}/` })
    assert.equal(Buffer.from(body).toString(), 'here')
  })

  it('do not wait for an address at which nothing answers', async () => {
    await using web = await startWebServer((_request, response) => response.end('here'))
    // Blackholed in every network: https://www.rfc-editor.org/rfc/rfc6666
    const network = { ...fakeNetwork(), connect: systemNetwork().connect }
    network.addresses.set('half.test', ['100::1', '127.0.0.1'])
    await using test = testOutgoing({ allowed: ['127.0.0.0/8', '100::/64'], network })
    const { body } = await test.outgoing.fetch({ ...usual, to: `http://half.test:${web.port}/` })
    assert.equal(Buffer.from(body).toString(), 'here')
  })
})
