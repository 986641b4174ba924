import { stringify } from 'yaml'
import type { TSchema } from '@sinclair/typebox'
import { expected, isGroup, variableOf } from './keys.ts'
import { ConfigSchema, type Config } from './schema.ts'

const HEADER = `# Every setting of Myelin with its default. Written by \`npm run -s myelin -- config example\`: do not edit, copy it.
# An environment variable of the name in brackets wins over this file.
# yaml-language-server: $schema=./schema.json
`

/** The example file: every key with its sentence, commented out but for those that an operator must choose. */
export function renderExample(): string {
  return `${HEADER}${renderGroup(ConfigSchema, []).join('\n')}\n`
}

/** The JSON Schema that editors complete and check the configuration with. */
export function renderSchema(): string {
  return `${JSON.stringify({ $schema: 'http://json-schema.org/draft-07/schema#', ...forEditors(ConfigSchema) }, null, 2)}\n`
}

/** What has a default may be left out, and a group may be empty, as in the example. */
function forEditors({ testsOnly: _, ...schema }: TSchema): Record<string, unknown> {
  if (!isGroup(schema)) return schema
  const { properties, required = [], ...rest } = schema
  return {
    ...rest,
    type: rest.default === undefined ? 'object' : ['object', 'null'],
    required: required.filter((name) => properties[name]?.default === undefined),
    properties: Object.fromEntries(Object.entries(properties).map(([name, child]) => [name, forEditors(child)])),
  }
}

/** The settings in force as YAML, without secrets. */
export function renderConfig(config: Config): string {
  return stringify(withoutSecrets(config, ConfigSchema))
}

const CHOSEN = ['server_name']

function renderGroup(schema: TSchema, path: readonly string[]): string[] {
  const indent = '  '.repeat(path.length)
  return Object.entries<TSchema>(schema['properties']).flatMap(([name, child], index) => {
    const at = [...path, name]
    if (isGroup(child)) return ['', `${indent}${name}:`, ...renderGroup(child, at)]
    const mark = CHOSEN.includes(at.join('.')) ? '' : '# '
    return [
      ...(index === 0 && path.length > 0 ? [] : ['']),
      `${indent}# ${child['description']}`,
      `${indent}# Takes ${expected(child)}. [${variableOf(at)}]`,
      `${indent}${mark}${name}:${example(child)}`,
    ]
  })
}

function example(schema: TSchema): string {
  return schema['default'] === undefined ? '' : ` ${JSON.stringify(schema['default'])}`
}

function withoutSecrets(value: unknown, schema: TSchema): unknown {
  if (schema['writeOnly'] === true) return '[secret]'
  if (!isGroup(schema)) return value
  const group = value as Record<string, unknown>
  const names = Object.keys(schema.properties).filter((name) => group[name] !== undefined)
  return Object.fromEntries(names.map((name) => [name, withoutSecrets(group[name], schema.properties[name]!)]))
}
