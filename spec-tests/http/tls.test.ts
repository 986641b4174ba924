import assert from 'node:assert/strict'
import { get } from 'node:https'
import { once } from 'node:events'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { loadConfig } from '#base/config/load.ts'
import type { ConfigError } from '#base/config/settings.ts'
import type { Log } from '#base/log.ts'
import { TestAuthority, type IssuedFiles } from '../support/outgoing/certificates.ts'
import { silent, startTestServer, type TestServer } from '../support/server/server.ts'

describe('a listener with TLS', () => {
  let authority: TestAuthority
  let files: IssuedFiles
  before(() => {
    authority = new TestAuthority()
    files = authority.issue('127.0.0.1')
  })
  after(() => authority[Symbol.dispose]())

  it('serves the same endpoints under the certificate it was given', async () => {
    await using server = await startTestServer({
      settings: { listen: { port: 0, tls: { port: 0, ...files } } },
    })
    const request = get(`${server.tlsUrl}/_matrix/client/versions`, { ca: authority.pem, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]

    assert.equal(response.statusCode, 200)
    assert.ok(Array.isArray(((await json(response)) as { versions: unknown }).versions))
  })

  it('is absent without settings', async () => {
    await using server = await startTestServer()

    assert.equal(server.tlsUrl, undefined)
  })

  it('lets no server start without its certificate', async () => {
    const tls = { port: 0, certificate: join(authority.folder, 'absent.crt'), key: files.key }

    await assert.rejects(startTestServer({ settings: { listen: { port: 0, tls } } }), { code: 'ENOENT' })
  })

  it('needs port, certificate and key together', () => {
    assert.throws(
      () => loadConfig({ settings: { listen: { tls: { port: 8448, key: files.key } } } }),
      (error: ConfigError) => error.problems.join().startsWith('listen.tls: '),
    )
  })

  it('shows a new certificate within a minute, and keeps connections open', async () => {
    const at = { certificate: join(authority.folder, 'served.crt'), key: join(authority.folder, 'served.key') }
    const put = (from: IssuedFiles) => {
      copyFileSync(from.certificate, at.certificate)
      copyFileSync(from.key, at.key)
    }
    put(files)
    const lines: string[] = []
    const note = (message: string) => void lines.push(message)
    const log: Log = { ...silent, info: note, error: note }
    await using server = await startTestServer({ log, settings: { listen: { port: 0, tls: { port: 0, ...at } } } })
    const old = await secured(server, authority)
    const first = old.getPeerCertificate().serialNumber
    assert.equal(await serialOf(server, authority), first)
    lines.length = 0

    // Half of a renewal, no certificate at all, and none that is there.
    const renewed = authority.renew('127.0.0.1')
    copyFileSync(renewed.certificate, at.certificate)
    await passMinute(server)
    await passMinute(server)
    assert.equal(await serialOf(server, authority), first)
    assert.deepEqual(lines, ['the new certificate cannot be used: the old one is kept'])
    writeFileSync(at.certificate, 'no certificate')
    await passMinute(server)
    rmSync(at.certificate)
    await passMinute(server)
    assert.equal(await serialOf(server, authority), first)

    put(renewed)
    lines.length = 0
    await passMinute(server)
    assert.deepEqual(lines, ['the certificate was renewed'])
    assert.notEqual(await serialOf(server, authority), first)
    old.write('GET /_matrix/client/versions HTTP/1.1\r\nHost: x\r\n\r\n')
    const [answer] = (await once(old, 'data')) as [Buffer]
    assert.match(answer.toString(), /^HTTP\/1\.1 200/)
    old.destroy()
  })
})

async function secured({ tlsUrl }: TestServer, { pem: ca }: TestAuthority): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port: Number(new URL(tlsUrl!).port), ca })
  await once(socket, 'secureConnect')
  return socket
}

async function serialOf(server: TestServer, authority: TestAuthority): Promise<PeerCertificate['serialNumber']> {
  const socket = await secured(server, authority)
  const { serialNumber } = socket.getPeerCertificate()
  socket.destroy()
  return serialNumber
}

/** Lets the files be read as well, which takes real time. */
async function passMinute({ clock }: TestServer): Promise<void> {
  await clock.advance(60_000)
  await new Promise((resolve) => setTimeout(resolve, 100))
}
