import { applyEnvironment, type Environment } from './environment.ts'
import { findMistakes } from './checks.ts'
import { readSettings } from './file.ts'
import { ConfigSchema, type Config } from './schema.ts'
import { ConfigError, type Given } from './settings.ts'
import { validator } from './validate.ts'

export type Sources = {
  /** Path of a YAML file. */
  file?: string | undefined
  env?: Environment
  /** Settings given by a program, in the place of a file. */
  settings?: Record<string, unknown>
}

const validate = validator(ConfigSchema)

/** The configuration: the schema's defaults, then the file, then the environment. Throws a ConfigError with all problems. */
export function loadConfig({ file, env = {}, settings }: Sources = {}): Config {
  const given: Given =
    file === undefined ? { tree: structuredClone(settings ?? {}), origins: new Map() } : readSettings(file)
  const problems = [...applyEnvironment(given, ConfigSchema, env), ...validate(given)]
  const config = given.tree as Config
  if (problems.length === 0) problems.push(...findMistakes(config))
  if (problems.length > 0) throw new ConfigError(problems)
  return deepFreeze(config)
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const child of Object.values(value)) deepFreeze(child)
  return Object.freeze(value)
}
