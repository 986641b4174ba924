import { join } from 'node:path'
import { controlFile, readServerStatus } from '#bus/control-socket.ts'
import { publicBaseUrl } from '#base/config/public-url.ts'
import { localUrl } from '../local-url.ts'
import { ok, problem, warning, type Check } from './finding.ts'

const patienceMs = 4000

export const runningServer: Check = {
  about: 'server',
  async run({ listen }) {
    const url = `${localUrl(listen)}/health`
    const answer = await fetch(url, { signal: AbortSignal.timeout(patienceMs) }).catch(() => undefined)
    if (!answer) return warning(`none answers at ${url}`)
    return answer.ok ? ok(`answers at ${url}`) : problem(`${url} answered ${answer.status}: it cannot write`)
  },
}

/** Without `listen.trusted_proxies` all clients share the address of the proxy, and its rate limits. */
export const reverseProxy: Check = {
  about: 'reverse proxy',
  async run(config) {
    const status = await readServerStatus(join(config.data_dir, controlFile))
    const peer = status?.untrustedProxy
    if (peer !== undefined)
      return problem(`X-Forwarded-For of ${peer} was ignored: if it is your proxy, name it in listen.trusted_proxies`)
    const needsOne = publicBaseUrl(config).startsWith('https:') && config.listen.tls.port === undefined
    const { trusted_proxies: trusted } = config.listen
    if (trusted.length > 0) return ok(`${trusted.join(', ')} may say who a client is`)
    if (needsOne) return warning('https needs one, or listen.tls; name it in listen.trusted_proxies')
    return ok('none is needed')
  },
}
