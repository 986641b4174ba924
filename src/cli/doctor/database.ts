import { systemClock } from '#base/clock.ts'
import { databaseUrl } from '#base/config/database-url.ts'
import { inspectDatabase } from '#store/inspect.ts'
import { ok, problem, warning, worst, type Check, type Finding } from './finding.ts'

/** Signatures, tokens and leases bear such a difference. */
const bearableMs = 5000

export const database: Check = {
  about: 'database',
  async run(config) {
    const found = await inspectDatabase(databaseUrl(config))
    const { server_name: serverName } = config
    if (!found) return warning('there is none yet: the first start makes it')
    const { done, pending, unknown } = found.migrations
    const findings: Finding[] = [...found.problems.map(problem), ...found.warnings.map(warning)]
    if (unknown.length > 0) findings.push(problem(`a newer version has changed it (${unknown.join(', ')})`))
    if (pending.length > 0) findings.push(warning(`${pending.length} migrations wait for the next start`))
    if (found.serverName !== undefined && found.serverName !== serverName)
      findings.push(problem(`it belongs to the server ${found.serverName}, but server_name is ${serverName}`))
    return worst(findings, `${found.version}, ${done.length} migrations, up to date`)
  },
}

export const clock: Check = {
  about: 'clock',
  async run(config) {
    const now = systemClock.now()
    const found = await inspectDatabase(databaseUrl(config))
    const isoNow = new Date(now).toISOString()
    if (found?.now !== undefined && Math.abs(found.now - now) > bearableMs)
      return problem(`${isoNow} here, ${new Date(found.now).toISOString()} at the database`)
    if (found?.writtenAt !== undefined && found.writtenAt > now + bearableMs)
      return problem(`${isoNow}, but the database was written at ${new Date(found.writtenAt).toISOString()}`)
    return ok(isoNow)
  },
}
