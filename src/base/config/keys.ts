import type { TObject, TSchema } from '@sinclair/typebox'

/** One setting: a key of the schema that holds a value and not further keys. */
export type Key = {
  path: readonly string[]
  schema: TSchema
}

/** Every setting of a schema, in its order. */
export function keysOf(schema: TSchema, path: readonly string[] = []): Key[] {
  if (!isGroup(schema)) return [{ path, schema }]
  return Object.entries(schema.properties).flatMap(([name, child]) => keysOf(child, [...path, name]))
}

/** Whether the schema groups further keys. */
export function isGroup(schema: TSchema): schema is TObject {
  return schema['type'] === 'object' && schema['properties'] !== undefined
}

/** The environment variable of a setting: `listen.port` is `MYELIN_LISTEN_PORT`. */
export const variableOf = (path: readonly string[]): string => `MYELIN_${path.join('_').toUpperCase()}`

/** The schema of a key or group, if the path names one. */
export function schemaAt(schema: TSchema, path: readonly string[]): TSchema | undefined {
  let found: TSchema | undefined = schema
  for (const name of path) found = found?.['properties']?.[name] ?? found?.['items']
  return found
}

/** What a setting accepts, in words: messages, the example file and the documentation say it alike. */
export function expected(schema: TSchema): string {
  const choices: unknown[] | undefined = schema['enum'] ?? schema['anyOf']?.map((option: TSchema) => option['const'])
  if (choices) return `one of ${choices.join(', ')}`
  switch (schema['type']) {
    case 'boolean':
      return 'true or false'
    case 'integer':
      return `a whole number${range(schema)}`
    case 'number':
      return `a number${range(schema)}`
    case 'array':
      return schema['items']?.type === 'string' ? 'a list of texts' : 'a list'
    case 'object':
      return 'a group of keys'
    default:
      return schema['format'] === 'uri' ? 'a URL with http or https' : 'a text'
  }
}

function range({ minimum, maximum, exclusiveMinimum }: TSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return ` of at least ${minimum}`
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}`
  return maximum === undefined ? '' : ` of at most ${maximum}`
}
