import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { isMap, isScalar, LineCounter, parseDocument, type YAMLMap } from 'yaml'
import { ConfigError, isTree, type Given } from './settings.ts'

/** Reads a YAML file; throws a ConfigError that names the lines it cannot read. */
export function readSettings(file: string): Given {
  return parseSettings(readText(file), basename(file))
}

/** Settings of a YAML text; a key without a value counts as absent. */
export function parseSettings(text: string, name: string): Given {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines })
  if (document.errors.length > 0) {
    throw new ConfigError(
      document.errors.map(({ message, pos }) => `${name} line ${lines.linePos(pos[0]).line}: ${firstLine(message)}`),
    )
  }
  const settings: unknown = withoutNulls(document.toJS()) ?? {}
  if (!isTree(settings)) throw new ConfigError([`${name}: expected keys and values`])
  const origins = new Map<string, string>()
  const note = (map: YAMLMap, path: readonly string[]): void => {
    for (const { key, value } of map.items) {
      if (!isScalar(key)) continue
      const at = [...path, String(key.value)]
      origins.set(at.join('.'), `${name} line ${lines.linePos(key.range?.[0] ?? 0).line}`)
      if (isMap(value)) note(value, at)
    }
  }
  if (isMap(document.contents)) note(document.contents, [])
  return { tree: settings, origins }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : error
    throw new ConfigError([`${file}: cannot be read (${String(code)})`])
  }
}

const firstLine = (message: string): string => message.split('\n')[0]!.replace(/ at line \d+, column \d+:?$/, '')

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isTree(value)) return value ?? undefined
  const kept = Object.entries(value).map(([key, child]) => [key, withoutNulls(child)] as const)
  return Object.fromEntries(kept.filter(([, child]) => child !== undefined))
}
