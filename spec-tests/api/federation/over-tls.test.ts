import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { writeFileSync } from 'node:fs'
import { verifyJson } from '#protocol/events/signatures.ts'
import { systemNetwork } from '#http/out/network.ts'
import { TestAuthority } from '../../support/outgoing/certificates.ts'
import { fakeClock, type FakeClock } from '../../support/server/clock.ts'
import { startTestServer, type TestServer } from '../../support/server/server.ts'

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('servers with certificates of their own', () => {
  let authority: TestAuthority
  let clock: FakeClock
  before(() => {
    authority = new TestAuthority()
    clock = fakeClock()
  })
  after(() => authority[Symbol.dispose]())

  /** A server under its address and port, on the network of this machine. */
  const start = async (outgoing: Record<string, unknown>): Promise<TestServer & { name: string }> => {
    const port = await freePort()
    const name = `127.0.0.1:${port}`
    const settings = {
      server_name: name,
      listen: { port: 0, tls: { port, ...authority.issue('127.0.0.1') } },
      federation: { key_servers: [] },
      outgoing,
    }
    return { ...(await startTestServer({ clock, network: systemNetwork(), settings })), name }
  }
  const keysOf = (server: TestServer, name: string) =>
    server.anonymous.request('GET', `/_matrix/key/v2/query/${encodeURIComponent(name)}`)

  it('reach each other, where their networks and their authority are allowed', async () => {
    const trusting = { allowed_networks: ['127.0.0.0/8'], ca_files: [authority.file] }
    await using a = await start(trusting)
    await using b = await start(trusting)
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const { status, body } = await keysOf(one, other.name)
      assert.equal(status, 200)
      assert.equal(body.server_keys[0].server_name, other.name)
      assert.ok(verifyJson(body.server_keys[0], other.context.signingKey), 'signed by its owner')
      assert.ok(verifyJson(body.server_keys[0], one.context.signingKey), 'signed by the notary')
    }
  })

  it('do not reach each other without either', async () => {
    await using b = await start({})
    await using strict = await start({ ca_files: [authority.file] })
    await using distrusting = await start({ allowed_networks: ['127.0.0.0/8'] })
    for (const server of [strict, distrusting]) {
      const { status, body } = await keysOf(server, b.name)
      assert.deepEqual([status, body.server_keys], [200, []])
    }
  })

  it('do not start with authorities that cannot be read', async () => {
    const bad = join(authority.folder, 'bad.pem')
    writeFileSync(bad, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n')
    for (const file of [join(authority.folder, 'absent.pem'), join(authority.folder, 'ca.key'), bad])
      await assert.rejects(
        startTestServer({ settings: { outgoing: { ca_files: [file] } } }),
        /^Error: outgoing.ca_files/,
      )
  })
})
