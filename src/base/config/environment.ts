import type { TSchema } from '@sinclair/typebox'
import { keysOf, variableOf, type Key } from './keys.ts'
import { nearest } from './nearest.ts'
import { setAt, type Given } from './settings.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Names the configuration file; a setting of the process, not of the server. */
export const FILE_VARIABLE = 'MYELIN_CONFIG'

/**
 * Lays the MYELIN_ variables over the settings and answers the unknown ones as problems.
 * The schema's keys are the dictionary, so underscores inside names are no ambiguity. An empty variable counts as absent.
 */
export function applyEnvironment(given: Given, schema: TSchema, env: Environment): string[] {
  const keys = new Map(keysOf(schema).map((key) => [variableOf(key.path), key]))
  const problems: string[] = []
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith('MYELIN_') || name === FILE_VARIABLE || text === undefined || text === '') continue
    const key = keys.get(name)
    if (!key) {
      const meant = nearest(name, [...keys.keys()])
      problems.push(`${name}: unknown environment variable${meant ? `; did you mean ${meant}?` : ''}`)
    } else if (setAt(given.tree, key.path, coerce(key.schema, text))) {
      given.origins.set(key.path.join('.'), name)
    }
  }
  return problems
}

/** The value a text stands for; what does not fit the type stays a text, and validation then says what was expected. */
export function coerce(schema: Key['schema'], text: string): unknown {
  switch (schema['type']) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'integer':
    case 'number':
      return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
    case 'array':
      return text.trimStart().startsWith('[') ? parsed(text) : text.split(',').map((item) => item.trim())
    case 'object':
      return parsed(text)
    default:
      return text
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
