import findMyWay from 'find-my-way'
import { invalidParam, methodNotAllowed, unrecognized } from '#base/errors.ts'
import type { Endpoint, Method } from './endpoint.ts'

export type Match = { endpoint: Endpoint; params: Record<string, string> }

const methods: readonly Method[] = ['GET', 'POST', 'PUT', 'DELETE']
/** Longer than any request line Node accepts: schemas check lengths. */
const maxParamLength = 65_536

/** A radix tree over the paths and aliases of all endpoints; throws when two of them claim the same. */
export function routeTable(endpoints: readonly Endpoint[]): (method: string, url: string) => Match {
  const router = findMyWay({ maxParamLength, querystringParser: () => ({}), onBadUrl: () => {} })
  for (const endpoint of endpoints)
    for (const path of [...endpoint.paths, ...endpoint.aliases]) router.on(endpoint.method, path, () => {}, endpoint)

  const find = (method: Method, url: string): Match | undefined => {
    const found = router.find(method, url)
    if (!found) return undefined
    const endpoint = found.store as Endpoint | null
    if (endpoint === null) throw invalidParam('The path is not properly percent-encoded')
    const params = found.params as Record<string, string>
    for (const name in params) if (params[name] === '') return undefined
    return { endpoint, params }
  }

  return (method, url) => {
    const asked = methods.find((known) => known === (method === 'HEAD' ? 'GET' : method))
    const match = asked && find(asked, url)
    if (match) return match
    const allowed = methods.filter((other) => find(other, url))
    if (allowed.length === 0) throw unrecognized()
    throw methodNotAllowed(undefined, { headers: { allow: [...allowed, 'OPTIONS'].join(', ') } })
  }
}
