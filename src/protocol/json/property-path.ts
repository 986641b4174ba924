import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'

/** The property names in a dot-separated path. https://spec.matrix.org/v1.19/appendices/#dot-separated-property-paths */
export function parsePropertyPath(path: string): string[] {
  if (!path.includes('\\')) return path.split('.')
  const names: string[] = []
  let name = ''
  for (let at = 0; at < path.length; at++) {
    const char = path[at]
    const next = path[at + 1]
    if (char === '\\' && (next === '.' || next === '\\')) {
      name += next
      at++
    } else if (char === '.') {
      names.push(name)
      name = ''
    } else name += char
  }
  return [...names, name]
}

/** The value at the path, looking at own properties of objects only: `constructor` is a name like any other. */
export function propertyAt(object: JsonObject, names: readonly string[]): JsonValue | undefined {
  let value: JsonValue | undefined = object
  for (const name of names) {
    if (!isObject(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}
