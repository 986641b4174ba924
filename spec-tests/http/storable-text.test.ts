import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { startTestServer } from '../support/server/server.ts'

const echo = endpoint({
  method: 'POST',
  path: '/echo/texts',
  auth: 'none',
  body: Type.Object({
    name: Type.Optional(Type.String()),
    names: Type.Optional(Type.Array(Type.Union([Type.String(), Type.Null()]))),
    record: Type.Optional(Type.Record(Type.String(), Type.Integer())),
    content: Type.Optional(Type.Object({})),
  }),
  reply: Type.Object({ body: Type.Unknown() }),
  summary: 'Says the body again.',
  spec: 'spec-tests/http',
  handle: async (_, { body }) => ({ body }),
})

describe('U+0000', () => {
  it('is refused in declared texts and keys, and kept in objects of any content', async () => {
    await using server = await startTestServer({ endpoints: [echo] })
    const post = (body: object) => server.anonymous.request('POST', '/echo/texts', body)
    for (const body of [{ name: 'a\0' }, { names: [null, '\0'] }, { record: { 'a\0': 1 } }]) {
      const reply = await post(body)
      assert.deepEqual([reply.status, reply.body.errcode], [400, 'M_BAD_JSON'])
    }
    const free = { name: 'a', names: ['b', null], record: { c: 1 }, content: { 'd\0': '\0' }, undeclared: '\0' }
    assert.deepEqual((await post(free)).body.body, free)
  })
})
