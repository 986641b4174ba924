import assert from 'node:assert/strict'
import { allEndpoints } from '#api/index.ts'
import { openApiDocument } from '#api/openapi.ts'
import { routeLines } from '#api/routes.ts'
import { routeTable } from '#http/route-table.ts'
import { compileSchemas } from '#http/validate.ts'

const endpoints = allEndpoints()
const named = endpoints.map((endpoint) => ({ name: `${endpoint.method} ${endpoint.paths[0]}`, endpoint }))

describe('every endpoint', () => {
  it('has method and path for itself, aliases included', () => {
    assert.doesNotThrow(() => routeTable(endpoints))
    const shapes = endpoints.flatMap(({ method, paths, aliases }) =>
      [...paths, ...aliases].map((path) => `${method} ${path.replaceAll(/:\w+/g, ':')}`),
    )
    assert.deepEqual(
      shapes.filter((shape, at) => shapes.indexOf(shape) !== at),
      [],
    )
  })

  it('says in one sentence what it does, and where that is specified', () => {
    for (const { name, endpoint } of named) {
      assert.match(endpoint.summary, /^[A-Z].*\.$/, name)
      assert.match(endpoint.spec, /^((client|server)-server-api\/#\S+|https:\/\/\S+|docs\/\S+)$/, name)
    }
  })

  it('declares exactly the parameters that its paths have', () => {
    for (const { name, endpoint } of named) {
      const inPaths = new Set(endpoint.paths.flatMap((path) => [...path.matchAll(/:(\w+)/g)].map(([, found]) => found)))
      assert.deepEqual([...inPaths].sort(), Object.keys(endpoint.params?.properties ?? {}).sort(), name)
    }
  })

  it('has schemas that compile', () => {
    for (const { name, endpoint } of named) {
      const { params, query, body, reply } = endpoint
      assert.doesNotThrow(() => compileSchemas({ requests: [params, query, body], replies: [reply] }), name)
    }
  })

  it('takes only integers as numbers in its query', () => {
    for (const { name, endpoint } of named)
      for (const [key, property] of Object.entries(endpoint.query?.properties ?? {}))
        assert.notEqual(property.type, 'number', `${name} ${key}`)
  })

  it('stands in the OpenAPI document and in the list of routes', () => {
    const { paths } = openApiDocument(endpoints) as { paths: Record<string, Record<string, { security: unknown[] }>> }
    const lines = routeLines(endpoints)
    for (const { name, endpoint } of named) {
      const path = endpoint.paths[0] ?? ''
      const operation = paths[path.replaceAll(/:(\w+)/g, '{$1}')]?.[endpoint.method.toLowerCase()]
      assert.ok(operation, name)
      assert.equal(operation.security.length === 0, endpoint.auth === 'none', name)
      assert.ok(
        lines.some((line) => line.startsWith(endpoint.method) && line.includes(` ${path} `)),
        name,
      )
    }
  })
})
