import { readFileSync } from 'node:fs'

/** Name and version of this program. */
export function about(): { name: string; version: string } {
  const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return { name, version }
}
