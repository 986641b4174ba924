import type { TSchema } from '@sinclair/typebox'

const storable = '^[^\\u0000]*$'

/**
 * The schema with U+0000 refused in every declared text and in the keys of records: no id or name may hold it, and
 * PostgreSQL can neither keep it in columns nor compare with it. Objects of any content keep it, as JSON text.
 */
export function storableText<S extends TSchema>(schema: S): S {
  const copy: Record<string, unknown> = { ...schema }
  if (schema.type === 'string' && !('const' in schema)) copy.pattern ??= storable
  for (const name of ['properties', 'patternProperties'])
    if (schema[name]) copy[name] = mapValues(schema[name] as Record<string, TSchema>)
  for (const name of ['items', 'additionalProperties'])
    if (typeof schema[name] === 'object') copy[name] = storableText(schema[name] as TSchema)
  for (const name of ['anyOf', 'allOf']) if (schema[name]) copy[name] = (schema[name] as TSchema[]).map(storableText)
  if (schema.patternProperties) copy.propertyNames ??= { type: 'string', pattern: storable }
  // Symbols, by which TypeBox marks its kinds, are copied as well.
  return copy as S
}

const mapValues = (schemas: Record<string, TSchema>) =>
  Object.fromEntries(Object.entries(schemas).map(([key, schema]) => [key, storableText(schema)]))
