import { isTestName } from './checks.ts'
import type { Config } from './schema.ts'

/** Where clients reach the server, as far as anybody has said: a public name is taken to be the address as well. */
export function publicBaseUrl({ public_base_url: given, server_name: name, listen }: Config): string {
  return given ?? (isTestName(name) ? `http://localhost:${listen.port}` : `https://${name}`)
}
