import { Ajv, type ErrorObject } from 'ajv'
import type { TSchema } from '@sinclair/typebox'
import { expected, keysOf, schemaAt, type Key } from './keys.ts'
import { nearest } from './nearest.ts'
import { isTree, type Given } from './settings.ts'

/** Answers a function that fills in the schema's defaults and names every problem: its key, where it came from, what was expected. */
export function validator(schema: TSchema): (given: Given) => string[] {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, verbose: true, keywords: ['testsOnly'] })
  ajv.addFormat('uri', isWebUrl)
  const isValid = ajv.compile(schema)
  const keys = keysOf(schema)
  return ({ tree, origins }) => {
    for (const key of keys) spellNumber(tree, key)
    if (isValid(tree)) return []
    const problems = new Map<string, string>()
    for (const error of isValid.errors ?? []) {
      const path = pathOf(error)
      const key = path.join('.')
      const origin = originOf(origins, path)
      if (!problems.has(key)) problems.set(key, `${key}${origin}: ${complaint(error, path, schema)}`)
    }
    return [...problems.values()]
  }
}

/** YAML reads `default_version: 12` as a number, its writer meant the text. */
function spellNumber(tree: Given['tree'], { path, schema }: Key): void {
  const name = path.at(-1)!
  let group: unknown = tree
  for (const step of path.slice(0, -1)) group = isTree(group) && Object.hasOwn(group, step) ? group[step] : undefined
  if (schema['type'] === 'string' && isTree(group) && typeof group[name] === 'number') group[name] = String(group[name])
}

function complaint(error: ErrorObject, path: readonly string[], schema: TSchema): string {
  if (error.keyword === 'additionalProperties') return `unknown key${suggestion(path, schema)}`
  if (error.keyword === 'required') return 'missing'
  const at = schemaAt(schema, path)
  const wanted = at ? expected(at) : error.message
  if (at?.['writeOnly'] === true) return `expected ${wanted}`
  return `expected ${wanted}, got ${JSON.stringify(error.data)}`
}

/** A sibling that is spelled alike, else a key of that name elsewhere. */
function suggestion(path: readonly string[], schema: TSchema): string {
  const name = path.at(-1)!
  const group = path.slice(0, -1)
  const sibling = nearest(name, Object.keys(schemaAt(schema, group)?.['properties'] ?? {}))
  if (sibling) return `; did you mean ${[...group, sibling].join('.')}?`
  const paths = keysOf(schema).map((key) => key.path)
  const elsewhere = paths.find((candidate) => candidate.at(-1) === name)?.join('.')
  const meant =
    elsewhere ??
    nearest(
      path.join('.'),
      paths.map((candidate) => candidate.join('.')),
    )
  return meant ? `; did you mean ${meant}?` : ''
}

function pathOf({ instancePath, params }: ErrorObject): string[] {
  const path = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last: unknown = params['additionalProperty'] ?? params['missingProperty']
  return typeof last === 'string' ? [...path, last] : path
}

/** The origin of the key, or of the nearest group around it that has one. */
function originOf(origins: Given['origins'], path: readonly string[]): string {
  for (let length = path.length; length > 0; length--) {
    const origin = origins.get(path.slice(0, length).join('.'))
    if (origin) return ` (${origin})`
  }
  return ''
}

function isWebUrl(text: string): boolean {
  const url = URL.parse(text)
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:')
}
