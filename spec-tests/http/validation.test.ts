import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { echoQuery } from '../support/server/echo.ts'
import { startTestServer } from '../support/server/server.ts'

const postRoom = endpoint({
  method: 'POST',
  path: '/rooms/:roomId',
  auth: 'none',
  params: Type.Object({ roomId: Type.String({ pattern: '^!' }) }),
  body: Type.Object({
    name: Type.String({ maxLength: 5 }),
    power: Type.Optional(Type.Object({ ban: Type.Integer() })),
    limits: Type.Optional(Type.Record(Type.String(), Type.Integer())),
    visibility: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('private')])),
  }),
  reply: Type.Record(Type.String(), Type.Unknown()),
  summary: 'Answers the body.',
  spec: 'spec-tests/http',
  handle: async (_, { body }) => body,
})

const Named = Type.Object({ name: Type.Optional(Type.String()) })
const anything = Type.Record(Type.String(), Type.Unknown())

const postNulls = endpoint({
  method: 'POST',
  path: '/nulls',
  auth: 'none',
  body: Type.Object({
    needed: Type.String(),
    name: Type.Optional(Type.String()),
    preset: Type.String({ default: 'none' }),
    meant: Type.Optional(Type.Union([Type.String(), Type.Null()])),
    inner: Type.Optional(
      Type.Object({
        needed: Type.Integer(),
        reason: Type.Optional(Type.String()),
        judged: Type.Optional(Type.Unknown()),
      }),
    ),
    list: Type.Optional(Type.Array(Named)),
    record: Type.Optional(Type.Record(Type.String(), Named)),
    anything: Type.Optional(anything),
  }),
  reply: anything,
  summary: 'Answers the body.',
  spec: 'spec-tests/http',
  handle: async (_, { body }) => body,
})

const needsFrom = endpoint({
  method: 'GET',
  path: '/needs-from',
  auth: 'none',
  query: Type.Object({ from: Type.String() }),
  reply: anything,
  summary: 'Answers the query.',
  spec: 'spec-tests/http',
  handle: async (_, { query }) => query,
})

const start = () => startTestServer({ endpoints: [postRoom, echoQuery] })

describe('validation', () => {
  it('names the wrong place and never repeats what was sent', async () => {
    await using server = await start()
    for (const [body, errcode, error] of [
      [{}, 'M_MISSING_PARAM', 'body.name is missing'],
      [{ name: 'a', power: {} }, 'M_MISSING_PARAM', 'body.power.ban is missing'],
      [{ name: 1 }, 'M_BAD_JSON', 'body.name must be of type string'],
      [{ name: null }, 'M_BAD_JSON', 'body.name must be of type string'],
      [{ name: 'secret' }, 'M_BAD_JSON', 'body.name is longer than 5'],
      [{ name: 'a', power: { ban: '1' } }, 'M_BAD_JSON', 'body.power.ban must be of type integer'],
      [{ name: 'a', power: { ban: 1.5 } }, 'M_BAD_JSON', 'body.power.ban must be of type integer'],
      [{ name: 'a', power: [] }, 'M_BAD_JSON', 'body.power must be of type object'],
      [{ name: 'a', visibility: 'secret' }, 'M_BAD_JSON', 'body.visibility has a value that is not allowed'],
      [{ name: 'a', limits: { secret: 'x' } }, 'M_BAD_JSON', 'body.limits.* must be of type integer'],
    ] as const) {
      const reply = await server.anonymous.request('POST', '/rooms/!a', body)
      assert.deepEqual([reply.status, reply.body], [400, { errcode, error }])
    }
  })

  it('refuses a path parameter of the wrong form as M_INVALID_PARAM', async () => {
    await using server = await start()
    const { status, body } = await server.anonymous.request('POST', '/rooms/secret', { name: 'a' })
    assert.deepEqual(
      [status, body],
      [400, { errcode: 'M_INVALID_PARAM', error: 'path.roomId is not of the expected form' }],
    )
  })

  it('N33 takes null for an optional key as if it were absent, at any depth, and for a required one as wrong', async () => {
    await using server = await startTestServer({ endpoints: [postNulls] })
    const post = async (body: unknown) => (await server.anonymous.request('POST', '/nulls', body)).body
    const given = {
      needed: 'a',
      name: null,
      preset: null,
      meant: null,
      inner: { needed: 1, reason: null, judged: null, other: null },
      list: [{ name: null }, { name: 'a' }],
      record: { a: { name: null }, b: {} },
      anything: { name: null },
      unknown: null,
    }
    const kept = await post(given)
    const required = await post({ needed: null })
    const inRecord = await post({ needed: 'a', record: { a: null } })

    assert.deepEqual(kept, {
      needed: 'a',
      preset: 'none',
      meant: null,
      inner: { needed: 1, judged: null, other: null },
      list: [{}, { name: 'a' }],
      record: { a: {}, b: {} },
      anything: { name: null },
      unknown: null,
    })
    assert.deepEqual([required.errcode, inRecord.errcode], ['M_BAD_JSON', 'M_BAD_JSON'])
  })

  it('N36 takes an empty parameter of the query as absent when it may be left out', async () => {
    await using server = await startTestServer({ endpoints: [echoQuery, needsFrom] })
    const all = '/echo/query?limit=&ratio=&recurse=&dir=&server_name=&filter='
    const some = '/echo/query?server_name=&server_name=a&limit=&limit=5&filter='
    const replies = [await server.anonymous.request('GET', all), await server.anonymous.request('GET', some)]
    const needed = await server.anonymous.request('GET', '/needs-from?from=')

    assert.deepEqual(
      replies.map(({ body }) => body),
      [{ filter: 'none' }, { filter: 'none', server_name: ['a'], limit: 5 }],
    )
    assert.deepEqual(needed.body, { from: '' })
  })

  it('keeps keys it does not know', async () => {
    await using server = await start()
    const body = { name: 'a', 'org.example.new': { x: [1] } }
    assert.deepEqual((await server.anonymous.request('POST', '/rooms/!a', body)).body, body)
  })

  it('T05 checks the values of keys with line breaks and of __proto__ too', async () => {
    await using server = await start()
    for (const key of ['a\nb', '\r', '\u2028', '__proto__', 'constructor']) {
      const text = `{"name":"a","limits":{${JSON.stringify(key)}:"x"}}`
      assert.equal((await server.anonymous.request('POST', '/rooms/!a', text)).status, 400, JSON.stringify(key))
    }
  })

  it('reads numbers, booleans and lists in the query as their types', async () => {
    await using server = await start()
    const path =
      '/echo/query?limit=10&ratio=-0.5&recurse=true&dir=b&server_name=a&server_name=b&filter=1&other=2&other=3'
    const { body } = await server.anonymous.request('GET', path)
    assert.deepEqual(body, {
      limit: 10,
      ratio: -0.5,
      recurse: true,
      dir: 'b',
      server_name: ['a', 'b'],
      filter: '1',
      other: '2',
    })
  })

  it('fills in the defaults of the query', async () => {
    await using server = await start()
    assert.deepEqual((await server.anonymous.request('GET', '/echo/query')).body, { filter: 'none' })
  })

  it('T86 refuses numbers in the query that are out of range or none at all', async () => {
    await using server = await start()
    for (const limit of [
      '-1',
      '2147483648',
      '9007199254740992',
      '9007199254740993',
      '1e400',
      'NaN',
      '0x10',
      '1.5',
      ' 5',
      '+5',
    ]) {
      const path = `/echo/query?limit=${encodeURIComponent(limit)}`
      const { status, body } = await server.anonymous.request('GET', path)
      assert.deepEqual([status, body.errcode], [400, 'M_INVALID_PARAM'], limit)
    }
    assert.equal((await server.anonymous.request('GET', '/echo/query?recurse=yes')).status, 400)
    assert.equal((await server.anonymous.request('GET', '/echo/query?dir=x')).status, 400)
  })
})
