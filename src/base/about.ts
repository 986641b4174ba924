import { readFileSync } from 'node:fs'

/** What this program is called, and which version of it runs. */
export function about(): { name: string; version: string } {
  const { name, version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  return { name, version }
}
