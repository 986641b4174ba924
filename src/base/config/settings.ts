/** Settings as given, before they are checked, and where each came from: `listen.port` from `config.yaml line 3`. */
export type Given = {
  tree: Record<string, unknown>
  origins: Map<string, string>
}

/** Why a configuration cannot be used: every problem at once, one a line. */
export class ConfigError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/** Sets a value at a path; false when a value that is no group stands in the way. */
export function setAt(tree: Record<string, unknown>, path: readonly string[], value: unknown): boolean {
  const [name, ...rest] = path
  if (name === undefined) return false
  if (rest.length === 0) {
    tree[name] = value
    return true
  }
  const child = Object.hasOwn(tree, name) ? tree[name] : undefined
  if (child !== undefined && !isTree(child)) return false
  const group = child ?? (tree[name] = {})
  return setAt(group as Record<string, unknown>, rest, value)
}

export const isTree = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
