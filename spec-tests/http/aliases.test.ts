import assert from 'node:assert/strict'
import { Type } from '@sinclair/typebox'
import { withAliases } from '#api/client/aliases.ts'
import { openApiDocument } from '#api/openapi.ts'
import { endpoint } from '#http/endpoint.ts'
import { startTestServer } from '../support/server/server.ts'

const get = (path: string) =>
  endpoint({
    method: 'GET',
    path,
    auth: 'none',
    reply: Type.Record(Type.String(), Type.Unknown()),
    summary: 'Answers its parameters.',
    spec: 'spec-tests/http',
    handle: async (_, { params }) => params,
  })

const aliasesOf = (...paths: string[]) => withAliases(paths.map(get)).map(({ aliases }) => aliases)

describe('aliases', () => {
  it('give every v3 path its r0 spelling', () => {
    assert.deepEqual(aliasesOf('/_matrix/client/v3/rooms/:roomId/state'), [['/_matrix/client/r0/rooms/:roomId/state']])
    assert.deepEqual(aliasesOf('/_matrix/client/v1/x', '/_matrix/client/v33/x', '/_matrix/federation/v1/x'), [
      [],
      [],
      [],
    ])
  })

  it('keep the parameters by position, under the names of the endpoint', () => {
    assert.deepEqual(aliasesOf('/_matrix/client/v1/room_summary/:roomIdOrAlias'), [
      [
        '/_matrix/client/unstable/im.nheko.summary/summary/:roomIdOrAlias',
        '/_matrix/client/unstable/im.nheko.summary/rooms/:roomIdOrAlias/summary',
      ],
    ])
    assert.deepEqual(aliasesOf('/_matrix/client/v1/rooms/:room/relations/:event/:type'), [
      ['/_matrix/client/unstable/rooms/:room/relations/:event/:type'],
    ])
  })

  it('give way to paths that are declared', () => {
    assert.deepEqual(aliasesOf('/_matrix/client/v3/x/:a', '/_matrix/client/r0/x/:b'), [[], []])
  })

  it('are answered like the path they stand for', async () => {
    await using server = await startTestServer({ endpoints: withAliases([get('/_matrix/client/v3/test/:word')]) })
    for (const version of ['v3', 'r0']) {
      const { status, body } = await server.anonymous.request('GET', `/_matrix/client/${version}/test/x`)
      assert.deepEqual([status, body], [200, { word: 'x' }])
    }
  })

  it('stand beside their path in the OpenAPI document', () => {
    const document = openApiDocument(withAliases([get('/_matrix/client/v3/test/:word')]))
    assert.deepEqual(Object.keys(document.paths as object), ['/_matrix/client/v3/test/{word}'])
    assert.match(JSON.stringify(document), /"x-aliases":\["\/_matrix\/client\/r0\/test\/:word"\]/)
  })
})
