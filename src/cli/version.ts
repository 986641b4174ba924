import { readFileSync } from 'node:fs'
import type { Command } from './command.ts'

export const version: Command = {
  summary: 'Print the version',
  usage: '',
  async run(_, terminal) {
    const about = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    terminal.print(`${about.name} ${about.version}, Node ${process.versions.node}\n`)
    return 0
  },
}
