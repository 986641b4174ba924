import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import type { JsonObject } from '#protocol/events/event.ts'
import { signJson } from '#protocol/events/signatures.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'
import { authorizationHeader, type SignedRequest } from '#protocol/request-signature.ts'
import { endpoint } from '#http/endpoint.ts'
import { jsonAnswer, startFederation, type Federation } from '../../support/federation/network.ts'
import { keyOf } from '../../support/generators/server-keys.ts'

const echo = endpoint({
  method: 'PUT',
  path: '/_test/echo/:id',
  auth: 'server',
  params: Type.Object({ id: Type.String() }),
  query: Type.Object({ q: Type.Optional(Type.String()) }),
  body: Type.Object({}, { additionalProperties: true }),
  reply: Type.Object({ origin: Type.String() }),
  summary: 'Says who asked.',
  spec: 'docs/limits.md',
  handle: async (_ctx, _received, { serverName }) => ({ origin: serverName }),
})

const key = keyOf('far.test')
const uri = '/_test/echo/1?q=x'
const content: JsonObject = { pdus: [] }
const signed: SignedRequest = { method: 'PUT', uri, origin: 'far.test', destination: 'a.test', content }

describe('requests of other servers', () => {
  let federation: Federation
  before(async () => {
    federation = await startFederation(['a.test'], {
      endpoints: [echo],
      settings: { federation: { key_servers: [], denied_servers: ['denied.test'] } },
    })
    const { network, clock } = federation
    for (const name of ['far.test', 'denied.test', 'sub.denied.test'])
      network.addFake(name, async () =>
        jsonAnswer(
          200,
          signJson(
            {
              server_name: name,
              valid_until_ts: clock.now() + 3_600_000,
              verify_keys: { [key.keyId]: { key: encodePublicKey(keyOf(name).publicKey) } },
              old_verify_keys: {
                'ed25519:old': { key: encodePublicKey(keyOf('old').publicKey), expired_ts: clock.now() - 1000 },
              },
            },
            keyOf(name),
          ),
        ),
      )
  })
  after(() => federation[Symbol.asyncDispose]())

  type Sent = { header: string; path?: string; method?: string; body?: unknown }
  const send = async ({ header, path = uri, method = 'PUT', body = content }: Sent) => {
    const { status, body: answer } = await federation.servers[0]!.anonymous.request(method, path, body, {
      headers: { authorization: header },
    })
    return { status, answer }
  }
  const header = authorizationHeader(signed, key)

  it('are taken with a true signature', async () => {
    assert.deepEqual(await send({ header }), { status: 200, answer: { origin: 'far.test' } })
  })

  it('are taken however the header is spelled', async () => {
    const [, signature = ''] = /sig="([^"]+)"/.exec(header) ?? []
    for (const spelled of [
      `X-Matrix origin=far.test,destination=a.test,key=ed25519:1,sig=${signature}`,
      `x-matrix  Origin="far.test", DESTINATION="a.test" ,\tkey="ed25519:\\1",sig="${signature}"`,
      `X-Matrix sig="${signature}",key="ed25519:1",origin="far.test",more="x",destination="a.test"`,
    ])
      assert.equal((await send({ header: spelled })).status, 200, spelled)
  })

  it('may hold integers that no number holds', async () => {
    const text = '{"depth":9007199254740993,"other":-123456789012345678901234567890}'
    const big = { depth: 9007199254740993n, other: -123456789012345678901234567890n } as unknown as JsonObject
    const bigHeader = authorizationHeader({ ...signed, content: big }, key)
    assert.equal((await send({ header: bigHeader, body: text })).status, 200)
  })

  it('T29 are refused when anything of them was changed', async () => {
    const with_ = (change: Partial<SignedRequest>) => authorizationHeader({ ...signed, ...change }, key)
    const forms: Record<string, Sent> = {
      'another method': { header: with_({ method: 'POST' }) },
      'another query': { header, path: '/_test/echo/1?q=y' },
      'another path': { header, path: '/_test/echo/2?q=x' },
      'another body': { header, body: { pdus: [{}] } },
      'another destination': { header: with_({ destination: 'b.test' }) },
      'a destination that was changed afterwards': {
        header: with_({ destination: 'b.test' }).replace('b.test', 'a.test'),
      },
      'our own name': { header: with_({ origin: 'a.test' }) },
      'another origin': { header: header.replace('far.test', 'denied.test.example') },
      'an unknown key': { header: header.replace('ed25519:1', 'ed25519:2') },
      'an old key': {
        header: authorizationHeader(signed, { ...keyOf('old', 'ed25519:old'), serverName: 'far.test' }),
      },
      'no scheme': { header: header.replace('X-Matrix ', '') },
      'a parameter twice': { header: `${header},origin="far.test"` },
      'no signature': { header: header.replace(/,sig=.*/, '') },
      'a broken quote': { header: header.slice(0, -1) },
    }
    for (const [what, form] of Object.entries(forms)) {
      const { status, answer } = await send(form)
      assert.equal(status, 401, what)
      assert.equal(answer.errcode, 'M_UNAUTHORIZED', what)
    }
  })

  it('T29 are refused with two headers, or none', async () => {
    const { anonymous, url } = federation.servers[0]!
    assert.equal((await anonymous.request('PUT', uri, content)).status, 401)
    const { request } = await import('node:http')
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const sent = request(url + uri, { method: 'PUT' }, (reply) => {
        reply.resume()
        resolve(reply.statusCode)
      })
      sent.setHeader('authorization', [header, header])
      sent.on('error', reject)
      sent.end(JSON.stringify(content))
    })
    assert.equal(status, 401)
  })

  it('T51 are refused from denied servers and all below their names', async () => {
    for (const origin of ['denied.test', 'sub.denied.test']) {
      const denied = authorizationHeader({ ...signed, origin }, keyOf(origin))
      assert.equal((await send({ header: denied })).status, 403, origin)
    }
  })
})
