import { isTestName } from './checks.ts'
import type { Config } from './schema.ts'

/** The URL at which clients reach the server: as configured, else the server name, if that is public. */
export function publicBaseUrl({ public_base_url: given, server_name: name, listen }: Config): string {
  return given ?? (isTestName(name) ? `http://localhost:${listen.port}` : `https://${name}`)
}
