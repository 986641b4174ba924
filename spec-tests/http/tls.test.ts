import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { get } from 'node:https'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { loadConfig } from '#base/config/load.ts'
import type { ConfigError } from '#base/config/settings.ts'
import { startTestServer } from '../support/server/server.ts'

describe('a listener with TLS', () => {
  let folder = ''
  let certificate = ''
  let key = ''
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'myelin-tls-'))
    certificate = join(folder, 'tls.crt')
    key = join(folder, 'tls.key')
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '1', '-nodes']
    const algorithm = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
    execFileSync('openssl', ['req', '-x509', ...algorithm, ...subject, '-keyout', key, '-out', certificate], {
      stdio: 'ignore',
    })
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('serves the same endpoints under the certificate it was given', async () => {
    await using server = await startTestServer({
      settings: { listen: { port: 0, tls: { port: 0, certificate, key } } },
    })
    const request = get(`${server.tlsUrl}/_matrix/client/versions`, { ca: readFileSync(certificate), agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]

    assert.equal(response.statusCode, 200)
    assert.ok(Array.isArray(((await json(response)) as { versions: unknown }).versions))
  })

  it('is absent without settings', async () => {
    await using server = await startTestServer()

    assert.equal(server.tlsUrl, undefined)
  })

  it('lets no server start without its certificate', async () => {
    const tls = { port: 0, certificate: join(folder, 'absent.crt'), key }

    await assert.rejects(startTestServer({ settings: { listen: { port: 0, tls } } }), { code: 'ENOENT' })
  })

  it('needs port, certificate and key together', () => {
    assert.throws(
      () => loadConfig({ settings: { listen: { tls: { port: 8448, key } } } }),
      (error: ConfigError) => error.problems.join().startsWith('listen.tls: '),
    )
  })
})
