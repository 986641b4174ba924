import type { Config } from '#base/config/schema.ts'

/** Where the server that listens so is reached on this machine. */
export function localUrl({ host, port }: Config['listen']): string {
  const address = { '0.0.0.0': '127.0.0.1', '::': '[::1]' }[host] ?? (host.includes(':') ? `[${host}]` : host)
  return `http://${address}:${port}`
}
