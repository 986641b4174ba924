import { BlockList, isIP } from 'node:net'
import { keysOf } from './keys.ts'
import { ConfigSchema, type Config } from './schema.ts'

/** Checks across settings: each problem names its key. */
export function findMistakes(config: Config): string[] {
  return [
    ...serverNameMistakes('server_name', config.server_name),
    ...serverNameMistakes('federation.well_known_server', config.federation.well_known_server),
    ...databaseMistakes(config.database.url),
    ...tlsMistakes(config.listen.tls),
    ...rangeMistakes('listen.trusted_proxies', config.listen.trusted_proxies),
    ...rangeMistakes('outgoing.allowed_networks', config.outgoing.allowed_networks),
    ...(isTestName(config.server_name) ? [] : testOnlySettings(config)).map(
      (setting) => `${setting} is for tests only and refused for the public server name ${config.server_name}`,
    ),
  ]
}

/** Warnings about allowed but probably unintended settings, logged at every start. */
export function findRisks(config: Config): string[] {
  if (isTestName(config.server_name)) return testOnlySettings(config).map((setting) => `${setting} is for tests only`)
  const risks: string[] = []
  if (config.registration.mode === 'open')
    risks.push('registration.mode: open lets everyone, spammers included, make accounts')
  if (config.server_name !== config.server_name.toLowerCase())
    risks.push('server_name: capitals confuse users, names are case-sensitive')
  if (isIP(bareHost(config.server_name)))
    risks.push('server_name: an address cannot be moved to another machine as a domain can')
  if (config.public_base_url === undefined)
    risks.push(`public_base_url is not set: clients are sent to https://${config.server_name}`)
  return risks
}

const bareHost = (serverName: string): string => serverName.replace(/:\d+$/, '').replace(/^\[|\]$/g, '')

/**
 * Names that are unreachable from outside: single labels such as localhost or hs1, reserved domains, private addresses.
 */
export function isTestName(serverName: string): boolean {
  const host = bareHost(serverName).toLowerCase()
  const family = isIP(host)
  if (family !== 0) return privateAddresses().check(host, family === 6 ? 'ipv6' : 'ipv4')
  return !host.includes('.') || /\.(localhost|local|test|example|invalid|internal)$/.test(host)
}

function privateAddresses(): BlockList {
  const list = new BlockList()
  for (const [net, bits] of [
    ['127.0.0.0', 8],
    ['10.0.0.0', 8],
    ['172.16.0.0', 12],
    ['192.168.0.0', 16],
  ] as const) {
    list.addSubnet(net, bits, 'ipv4')
  }
  list.addAddress('::1', 'ipv6')
  list.addSubnet('fc00::', 7, 'ipv6')
  return list
}

/** Settings with the value that their schema marks as `testsOnly`, or that weaken password hashes. */
function testOnlySettings(config: Config): string[] {
  const unsafe = keysOf(ConfigSchema).filter(({ schema }) => schema['testsOnly'] !== undefined)
  const set = unsafe.filter(({ path, schema }) => valueAt(config, path) === schema['testsOnly'])
  const settings = set.map(({ path, schema }) => `${path.join('.')}: ${schema['testsOnly']}`)
  const memory = config.accounts.password_hash_memory_kib
  return memory < 7168 ? [...settings, `accounts.password_hash_memory_kib: ${memory}`] : settings
}

function valueAt(config: Config, path: readonly string[]): unknown {
  let value: unknown = config
  for (const name of path) value = (value as Record<string, unknown> | undefined)?.[name]
  return value
}

/** https://spec.matrix.org/v1.19/appendices/#server-name */
function serverNameMistakes(key: string, name: string | undefined): string[] {
  if (name === undefined) return []
  const match = /^(?:\[([^\]]+)\]|([0-9A-Za-z.-]{1,255}))(?::(\d{1,5}))?$/.exec(name)
  const [, ipv6, host, port] = match ?? []
  const isNamed = host !== undefined && (isIP(host) === 4 || !/^[\d.]+$/.test(host))
  if (match && (ipv6 === undefined ? isNamed : isIP(ipv6) === 6) && Number(port ?? 0) <= 65_535) return []
  return [`${key}: expected a domain such as example.org, without https:// and path, got ${JSON.stringify(name)}`]
}

function databaseMistakes(url: string | undefined): string[] {
  if (url === undefined || /^sqlite:./.test(url)) return []
  const parsed = URL.parse(url)
  if (parsed && /^postgres(ql)?:$/.test(parsed.protocol) && parsed.pathname.length > 1) return []
  return ['database.url: expected postgres://user:password@host/name or sqlite:PATH']
}

function tlsMistakes({ port, certificate, key }: Config['listen']['tls']): string[] {
  const given = Object.entries({ port, certificate, key }).filter(([, value]) => value !== undefined)
  if (given.length === 0 || given.length === 3) return []
  return [`listen.tls: port, certificate and key belong together, got ${given.map(([name]) => name).join(' and ')}`]
}

const rangeMistakes = (key: string, ranges: readonly string[]): string[] =>
  ranges
    .filter((range) => !isAddressRange(range))
    .map((range) => `${key}: expected an IP address or a CIDR range, got ${JSON.stringify(range)}`)

function isAddressRange(range: string): boolean {
  const [address = '', bits, ...rest] = range.split('/')
  const family = isIP(address)
  if (family === 0 || rest.length > 0) return false
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128))
}
