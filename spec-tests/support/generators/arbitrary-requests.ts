import type { TObject, TSchema } from '@sinclair/typebox'
import fc from 'fast-check'
import type { Endpoint } from '#http/endpoint.ts'
import { objectFor, objectOf, oddJson, oddNumber, oddText, textFor, type Known } from './odd-values.ts'

export type GeneratedRequest = { method: string; path: string; body: string | undefined }

/** Requests that an endpoint accepts, and such that differ from them in a place or two. */
export function requestsTo({ method, paths, aliases, params, query, body }: Endpoint, known: Known) {
  const path = fc.constantFrom(...paths, ...aliases).chain((template) => filledPath(template, params, known))
  const queryText = fc.oneof(
    { weight: 12, arbitrary: query ? valueOf(query, known).map(asQuery) : fc.constant('') },
    { weight: 1, arbitrary: objectOf(oddText, oddText).map(asQuery) },
  )
  const bodyText = body ? bodyOf(body, known) : fc.constant(undefined)
  return fc
    .tuple(path, queryText, bodyText)
    .map(([place, question, text]): GeneratedRequest => ({ method, path: place + question, body: text }))
}

function bodyOf(schema: TSchema, known: Known): fc.Arbitrary<string> {
  const json = fc.oneof(
    { weight: 30, arbitrary: valueOf(schema, known) },
    { weight: 1, arbitrary: oddJson },
    { weight: 1, arbitrary: fc.constant({}) },
  )
  const text = json.map((value) => JSON.stringify(value) ?? '{}')
  return fc.oneof(
    { weight: 40, arbitrary: text },
    { weight: 1, arbitrary: fc.constantFrom('', '{', 'null', '[]', '\ufeff{}') },
  )
}

function filledPath(template: string, params: TObject | undefined, known: Known): fc.Arbitrary<string> {
  const parts = template.split('/').map((part) => {
    if (!part.startsWith(':')) return fc.constant(part)
    const schema = params?.properties[part.slice(1)] as TSchema | undefined
    return fc
      .oneof(
        { weight: 40, arbitrary: schema ? valueOf(schema, known, part.slice(1)) : textFor(part.slice(1), known) },
        { weight: 1, arbitrary: oddText },
      )
      .map(inUrl)
  })
  return fc.tuple(...parts).map((filled) => filled.join('/'))
}

/** A lone surrogate has no UTF-8: it is sent as the bytes that careless encoders make. */
function inUrl(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.isWellFormed() ? encodeURIComponent(text) : '%ED%A0%80'
}

function asQuery(values: unknown): string {
  if (typeof values !== 'object' || values === null) return ''
  const pairs = Object.entries(values).flatMap(([key, value]) =>
    [value].flat().map((one) => `${inUrl(key)}=${inUrl(one)}`),
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** Values of a schema; now and then something else in their place, at every level. */
function valueOf(schema: TSchema, known: Known, name = ''): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 50, arbitrary: properValueOf(schema, known, name) }, { weight: 1, arbitrary: oddJson })
}

function properValueOf(schema: TSchema, known: Known, name: string): fc.Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const)
  const options = (schema.anyOf ?? schema.enum) as TSchema[] | undefined
  if (options) return fc.oneof(...options.map((option) => valueOf(option, known, name)))
  switch (schema.type) {
    case 'string':
      return textFor(name, known)
    case 'integer':
    case 'number':
      return fc.oneof(fc.nat(100), oddNumber)
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(valueOf(schema.items ?? {}, known, name), { maxLength: 3 })
    case 'object':
      return objectOfSchema(schema, known)
    default:
      return objectFor(known)
  }
}

function objectOfSchema(schema: TSchema, known: Known): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, TSchema>)
  const required = new Set((schema.required ?? []) as string[])
  const fixed = properties.map(([key, value]) => {
    const present = valueOf(value, known, key)
    const missing = fc.constant(absent)
    const [often, seldom] = required.has(key) ? [40, 1] : foreign.test(key) ? [1, 8] : [1, 1]
    const either = fc.oneof({ weight: often, arbitrary: present }, { weight: seldom, arbitrary: missing })
    return fc.tuple(fc.constant(key), either)
  })
  const free = freeEntries(schema, known)
  return fc
    .tuple(fc.tuple(...fixed), free)
    .map(([entries, more]) => ({ ...more, ...Object.fromEntries(entries.filter(([, value]) => value !== absent)) }))
}

const absent = Symbol('absent')
/** Keys that ask for an identity server, and so mostly for a refusal. */
const foreign = /3pid|^id_|^medium$|^address$/

/** What an object may hold besides its named properties: records of values, or anything. */
function freeEntries(schema: TSchema, known: Known): fc.Arbitrary<object> {
  const [record] = Object.values((schema.patternProperties ?? {}) as Record<string, TSchema>)
  const value = record ?? (typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined)
  const keys = fc.oneof(fc.constantFrom(...Object.values(known).flat()), oddText)
  if (value) return objectOf(keys, valueOf(value as TSchema, known))
  if (!schema.properties) return objectFor(known).map((object) => ({ ...(object as object) }))
  return fc.oneof({ weight: 8, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: objectOf(oddText, oddJson) })
}
