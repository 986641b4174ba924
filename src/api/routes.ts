import type { Endpoint } from '#http/endpoint.ts'

/** One line for each path: method, path, requesters, rate limit; aliases are indented below their path. */
export function routeLines(endpoints: readonly Endpoint[]): string[] {
  return endpoints.flatMap(({ method, paths, aliases, auth, limit }) => [
    ...paths.map((path) => `${method.padEnd(6)} ${path}  ${auth}  ${limit ?? 'default'}`),
    ...aliases.map((path) => `       = ${path}`),
  ])
}
