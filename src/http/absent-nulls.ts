import type { TSchema } from '@sinclair/typebox'

type Drop = (value: unknown) => void

// A pure function of the schema, like its compiled validation.
const drops = new WeakMap<TSchema, Drop | 'nothing'>()

/**
 * Removes optional keys whose value is null, wherever the schema allows no null: some clients send null for absent
 * values. Undeclared keys and objects of any content stay as they are.
 */
export function dropAbsentNulls(schema: TSchema, value: unknown): void {
  const drop = dropOf(schema)
  if (drop !== 'nothing') drop(value)
}

function dropOf(schema: TSchema): Drop | 'nothing' {
  const known = drops.get(schema)
  if (known !== undefined) return known
  const parts = [...fields(schema), ...entries(schema), ...items(schema), ...members(schema)]
  const drop: Drop | 'nothing' = parts.length === 0 ? 'nothing' : (value) => parts.forEach((part) => part(value))
  drops.set(schema, drop)
  return drop
}

function fields({ properties = {}, required = [] }: TSchema): Drop[] {
  return Object.entries<TSchema>(properties).flatMap(([name, property]) => {
    const mayBeAbsent = !(required as string[]).includes(name) || property.default !== undefined
    const isDropped = mayBeAbsent && !knowsNull(property)
    const inner = dropOf(property)
    if (!isDropped && inner === 'nothing') return []
    return (value: unknown) => {
      if (!isObject(value) || !Object.hasOwn(value, name)) return
      if (isDropped && value[name] === null) delete value[name]
      else if (inner !== 'nothing') inner(value[name])
    }
  })
}

/** Keys of a record are chosen by the client: none of them is optional. */
function entries({ patternProperties = {}, additionalProperties }: TSchema): Drop[] {
  const schemas = [...Object.values<TSchema>(patternProperties), additionalProperties]
  return schemas.filter(isObject).flatMap((schema) => {
    const inner = dropOf(schema as TSchema)
    if (inner === 'nothing') return []
    return (value: unknown) => {
      if (isObject(value)) for (const entry of Object.values(value)) inner(entry)
    }
  })
}

function items({ items: schema }: TSchema): Drop[] {
  const inner = isObject(schema) ? dropOf(schema as TSchema) : 'nothing'
  if (inner === 'nothing') return []
  return [(value) => (Array.isArray(value) ? value.forEach(inner) : undefined)]
}

/** Of a union it is not known here which member the value matches. */
function members({ allOf = [] }: TSchema): Drop[] {
  return (allOf as TSchema[]).map(dropOf).filter((drop) => drop !== 'nothing')
}

/** Values without a schema are checked elsewhere, null included. */
function knowsNull(schema: TSchema): boolean {
  const { type, const: only, enum: choices, anyOf, allOf } = schema as Partial<Forms>
  if (type !== undefined) return [type].flat().includes('null')
  if (anyOf) return anyOf.some(knowsNull)
  if (allOf) return allOf.every(knowsNull)
  if (choices) return choices.includes(null)
  return only === undefined || only === null
}

type Forms = { type: string | string[]; const: unknown; enum: unknown[]; anyOf: TSchema[]; allOf: TSchema[] }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
