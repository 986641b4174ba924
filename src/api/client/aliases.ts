import type { Endpoint } from '#http/endpoint.ts'

/**
 * Older prefixes of paths that clients still use: [current prefix, older prefixes, ...]. An alias applies to all paths
 * with the prefix; parameters keep their order.
 */
const aliases: readonly (readonly [current: string, ...former: string[]])[] = [
  ['/_matrix/client/v3', '/_matrix/client/r0'],
  ['/_matrix/client/v3/keys/device_signing/upload', '/_matrix/client/unstable/keys/device_signing/upload'],
  ['/_matrix/client/v3/keys/signatures/upload', '/_matrix/client/unstable/keys/signatures/upload'],
  ['/_matrix/client/v3/room_keys', '/_matrix/client/unstable/room_keys'],
  ['/_matrix/client/v3/refresh', '/_matrix/client/v1/refresh', '/_matrix/client/unstable/org.matrix.msc2918/refresh'],
  ['/_matrix/client/v3/profile/:u', '/_matrix/client/unstable/uk.tcpip.msc4133/profile/:u'],
  ['/_matrix/client/v3/rooms/:r/report', '/_matrix/client/unstable/org.matrix.msc4151/rooms/:r/report'],
  ['/_matrix/client/v3/users/:u/report', '/_matrix/client/unstable/org.matrix.msc4260/users/:u/report'],
  ['/_matrix/client/v3/rooms/:r/aliases', '/_matrix/client/unstable/org.matrix.msc2432/rooms/:r/aliases'],
  ['/_matrix/client/v3/knock', '/_matrix/client/unstable/xyz.amorgan.knock/knock'],
  ['/_matrix/client/v1/login/get_token', '/_matrix/client/unstable/org.matrix.msc3882/login/get_token'],
  ['/_matrix/client/v1/rooms/:r/relations', '/_matrix/client/unstable/rooms/:r/relations'],
  ['/_matrix/client/v1/rooms/:r/threads', '/_matrix/client/unstable/org.matrix.msc3856/rooms/:r/threads'],
  ['/_matrix/client/v1/rooms/:r/hierarchy', '/_matrix/client/unstable/org.matrix.msc2946/rooms/:r/hierarchy'],
  [
    '/_matrix/client/v1/rooms/:r/timestamp_to_event',
    '/_matrix/client/unstable/org.matrix.msc3030/rooms/:r/timestamp_to_event',
  ],
  [
    '/_matrix/client/v1/room_summary/:r',
    '/_matrix/client/unstable/im.nheko.summary/summary/:r',
    '/_matrix/client/unstable/im.nheko.summary/rooms/:r/summary',
  ],
  ['/_matrix/client/v1/auth_metadata', '/_matrix/client/unstable/org.matrix.msc2965/auth_metadata'],
  ['/_matrix/client/v1/mutual_rooms', '/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms'],
  ['/_matrix/client/v1/media', '/_matrix/client/unstable/org.matrix.msc3916/media'],
  ['/_matrix/client/v1/appservice/:a/ping', '/_matrix/client/unstable/fi.mau.msc2659/appservice/:a/ping'],
  [
    '/_matrix/client/v1/register/m.login.registration_token/validity',
    '/_matrix/client/unstable/org.matrix.msc3231/register/org.matrix.msc3231.login.registration_token/validity',
  ],
  ['/_matrix/media/v3', '/_matrix/media/r0', '/_matrix/media/v1'],
  ['/_matrix/media/v1/create', '/_matrix/media/unstable/fi.mau.msc2246/create', '/_matrix/media/v3/create'],
]

/** The endpoints with their older paths. */
export function withAliases(endpoints: readonly Endpoint[]): Endpoint[] {
  const declared = new Set(endpoints.flatMap(({ method, paths }) => paths.map((path) => shape(method, path))))
  return endpoints.map((endpoint) => {
    const replaced = new Set(endpoint.paths.flatMap(formerPaths))
    return { ...endpoint, aliases: [...replaced].filter((path) => !declared.has(shape(endpoint.method, path))) }
  })
}

const shape = (method: string, path: string) => `${method} ${path.replaceAll(/:\w+/g, ':')}`

function formerPaths(path: string): string[] {
  const segments = path.split('/')
  return aliases.flatMap(([current, ...former]) => {
    const prefix = current.split('/')
    return beginsWith(segments, prefix)
      ? former.map((alias) => replaced(segments, { prefix, alias: alias.split('/') }))
      : []
  })
}

const isParameter = (segment: string | undefined) => segment?.startsWith(':') ?? false

const beginsWith = (segments: string[], prefix: string[]) =>
  prefix.every((part, at) => part === segments[at] || (isParameter(part) && isParameter(segments[at])))

/** The path with another prefix, with the parameter names of the endpoint. */
function replaced(segments: string[], { prefix, alias }: { prefix: string[]; alias: string[] }): string {
  const names = segments.slice(0, prefix.length).filter(isParameter)
  const beginning = alias.map((part) => (isParameter(part) ? names.shift() : part))
  return [...beginning, ...segments.slice(prefix.length)].join('/')
}
