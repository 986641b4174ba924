import { findRisks } from '#base/config/checks.ts'
import { renderConfig, renderExample, renderSchema } from '#base/config/render.ts'
import { configOptions, type Command, type Group } from './command.ts'
import { configFile, configOf } from './configuration.ts'

const check: Command = {
  summary: 'Say whether the configuration is good, and print the settings in force without secrets',
  usage: '[--config FILE]',
  options: configOptions,
  async run(args, terminal) {
    const config = configOf(args, terminal)
    terminal.print(`# ${configFile(args, terminal) ?? 'no file: defaults and environment'}\n${renderConfig(config)}`)
    for (const risk of findRisks(config)) terminal.complain(`warning: ${risk}`)
    return 0
  },
}

const printing = (summary: string, render: () => string): Command => ({
  summary,
  usage: '',
  async run(_, terminal) {
    terminal.print(render())
    return 0
  },
})

export const config: Group = {
  summary: 'Check and document the configuration',
  commands: {
    check,
    example: printing('Print an example file with every setting', renderExample),
    schema: printing('Print the JSON Schema of the configuration', renderSchema),
  },
}
