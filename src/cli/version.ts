import { about } from '#base/about.ts'
import type { Command } from './command.ts'

export const version: Command = {
  summary: 'Print the version',
  usage: '',
  async run(_, terminal) {
    const { name, version: number } = about()
    terminal.print(`${name} ${number}, Node ${process.versions.node}\n`)
    return 0
  },
}
