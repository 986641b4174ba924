import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { Type } from '@sinclair/typebox'
import { forbidden } from '#base/errors.ts'
import { endpoint, JsonText } from '#http/endpoint.ts'
import { streamEndpoint } from '#http/stream-endpoint.ts'
import { errorLog } from '../support/server/echo.ts'
import { startTestServer } from '../support/server/server.ts'

const spec = 'spec-tests/http'
const summary = 'A test.'
const reply = Type.Object({ count: Type.Integer() })
const get = (path: string, handle: () => Promise<{ count: number } | JsonText>) =>
  endpoint({ method: 'GET', path, auth: 'none', reply, summary, spec, handle })

describe('replies', () => {
  it('of JSON text are sent as they are', async () => {
    await using server = await startTestServer({
      endpoints: [get('/text', async () => new JsonText('{ "count":  1 }'))],
    })
    const answer = await fetch(`${server.url}/text`)
    assert.equal(await answer.text(), '{ "count":  1 }')
    assert.equal(answer.headers.get('content-type'), 'application/json')
  })

  it('are checked against their schema: a wrong one is a failure in tests', async () => {
    const { log, errors } = errorLog()
    const wrong = { count: 'secret' } as unknown as { count: number }
    await using server = await startTestServer({
      log,
      endpoints: [get('/wrong', async () => wrong), get('/wrong/text', async () => new JsonText('{}'))],
    })
    for (const path of ['/wrong', '/wrong/text'])
      assert.equal((await server.anonymous.request('GET', path)).status, 500)
    assert.match(String(errors[0]?.fields.error), /The reply of GET \/wrong is wrong: reply\/count must be integer/)
  })

  it('to a refusal are the refusal; a bug is logged and tells the client nothing', async () => {
    const { log, errors } = errorLog()
    await using server = await startTestServer({
      log,
      endpoints: [
        get('/refusal', () =>
          Promise.reject(forbidden('Not you', { fields: { reason: 'x' }, headers: { 'x-a': 'b' } })),
        ),
        get('/bug', () => Promise.reject(new Error('secret internals'))),
        get('/throw', () => {
          throw new TypeError('secret internals')
        }),
      ],
    })
    const refusal = await server.anonymous.request('GET', '/refusal')
    assert.deepEqual([refusal.status, refusal.body], [403, { errcode: 'M_FORBIDDEN', error: 'Not you', reason: 'x' }])
    assert.equal(refusal.headers.get('x-a'), 'b')
    assert.equal(errors.length, 0)

    for (const path of ['/bug', '/throw']) {
      const { status, body } = await server.anonymous.request('GET', path)
      assert.deepEqual([status, body], [500, { errcode: 'M_UNKNOWN', error: 'Internal server error' }])
    }
    assert.deepEqual(
      errors.map(({ message, fields }) => [message, fields.path]),
      [
        ['request failed', '/bug'],
        ['request failed', '/throw'],
      ],
    )
  })

  it('may be files, pages and redirects, and bodies may be streams', async () => {
    const upload = streamEndpoint({
      method: 'POST',
      path: '/upload',
      auth: 'none',
      summary,
      spec,
      async handle(_, { stream }) {
        let size = 0
        for await (const chunk of stream) size += (chunk as Buffer).length
        return { headers: { 'content-type': 'text/plain' }, body: Readable.from([`${size}`, ' bytes']) }
      },
    })
    const redirect = streamEndpoint({
      method: 'GET',
      path: '/redirect',
      auth: 'none',
      summary,
      spec,
      handle: async () => ({ status: 302, headers: { location: 'https://example.org/' } }),
    })
    await using server = await startTestServer({ endpoints: [upload, redirect] })
    const uploaded = await server.anonymous.request('POST', '/upload', Buffer.alloc(3_000_000))
    assert.deepEqual([uploaded.status, uploaded.body], [200, '3000000 bytes'])
    const redirected = await server.anonymous.request('GET', '/redirect')
    assert.deepEqual([redirected.status, redirected.headers.get('location')], [302, 'https://example.org/'])
    assert.equal(redirected.headers.get('access-control-allow-origin'), '*')
  })

  it('to a client that went away are neither made nor logged', async () => {
    const { log, errors } = errorLog()
    const started = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const wait = endpoint({
      method: 'GET',
      path: '/wait',
      auth: 'none',
      reply: Type.Object({}),
      summary,
      spec,
      async handle(ctx, { signal }) {
        started.resolve()
        await ctx.clock.sleep(30_000, signal())
        ended.resolve()
        throw new Error('nobody listens')
      },
    })
    await using server = await startTestServer({ log, endpoints: [wait] })
    const leave = new AbortController()
    const request = server.anonymous.request('GET', '/wait', undefined, { signal: leave.signal })
    await started.promise
    leave.abort()
    await assert.rejects(request)
    await ended.promise
    assert.equal((await server.anonymous.request('GET', '/health')).status, 200)
    assert.deepEqual(errors, [])
  })
})
