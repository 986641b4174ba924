import { isTestName } from '#base/config/checks.ts'
import { publicBaseUrl } from '#base/config/public-url.ts'
import type { Config } from '#base/config/schema.ts'
import { isObject, type JsonValue } from '#protocol/events/event.ts'
import { ok, problem, warning, type Check, type Finding } from './finding.ts'

const patienceMs = 5000
const bearableMs = 60_000

/** Whether clients find this server: by its public URL, and from the server name by `.well-known`. */
export const publicAddress: Check = {
  about: 'public address',
  async run(config) {
    if (config.public_base_url === undefined && isTestName(config.server_name))
      return ok(`${config.server_name} is a name for this machine alone`)
    return (await askVersions(config)) ?? (await askWellKnown(config)) ?? ok(`clients find ${publicBaseUrl(config)}`)
  },
}

async function askVersions(config: Config): Promise<Finding | undefined> {
  const url = `${publicBaseUrl(config).replace(/\/$/, '')}/_matrix/client/versions`
  const answer = await ask(url)
  // Some networks do not let a machine reach its own public address.
  if (!answer) return warning(`${url} cannot be reached from here`)
  if (!isObject(answer.json) || !Array.isArray(answer.json.versions))
    return problem(`${url} answered ${answer.status}, and not as a Matrix server`)
  const ahead = Math.abs(answer.date - Date.now())
  return ahead > bearableMs ? warning(`the clock of ${url} differs by ${Math.round(ahead / 1000)} s`) : undefined
}

async function askWellKnown(config: Config): Promise<Finding | undefined> {
  if (isTestName(config.server_name)) return undefined
  const url = `https://${config.server_name}/.well-known/matrix/client`
  const answer = await ask(url)
  if (!answer) return warning(`${url} cannot be reached from here`)
  const homeserver = isObject(answer.json) ? answer.json['m.homeserver'] : undefined
  const given = isObject(homeserver) ? homeserver.base_url : undefined
  const wanted = publicBaseUrl(config)
  if (typeof given !== 'string') return problem(`${url} does not name the server: answer ${wanted} there`)
  const isSame = given.replace(/\/$/, '') === wanted.replace(/\/$/, '')
  return isSame ? undefined : problem(`${url} names ${given}, but clients are to use ${wanted}`)
}

type Answered = { status: number; date: number; json: JsonValue | undefined }

async function ask(url: string): Promise<Answered | undefined> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(patienceMs) }).catch(() => undefined)
  if (!answer) return undefined
  const json = (await answer.json().catch(() => undefined)) as JsonValue | undefined
  const date = Date.parse(answer.headers.get('date') ?? '')
  return { status: answer.status, date: Number.isNaN(date) ? Date.now() : date, json }
}
