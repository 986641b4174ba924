import { parseArgs } from 'node:util'
import { ConfigError } from '#base/config/settings.ts'
import { UsageError, type Arguments, type Command, type Group, type Terminal } from './command.ts'

/** Finds and runs the named command; answers the exit code: 0 done, 1 failed, 2 called wrongly. */
export async function run(program: Group, words: readonly string[], terminal: Terminal): Promise<number> {
  const { found, path, rest } = find(program, words)
  const help = rest.includes('--help') || rest.includes('-h')
  const text = 'commands' in found ? groupHelp(found, path) : commandHelp(found, path)
  if (help) {
    terminal.print(text)
    return 0
  }
  try {
    if ('commands' in found)
      throw new UsageError(rest[0] === undefined ? 'a command is missing' : `unknown command: ${rest[0]}`)
    return await found.run(parse(found, rest), terminal)
  } catch (error) {
    return report(error, text, terminal)
  }
}

type Found = { found: Group | Command; path: readonly string[]; rest: readonly string[] }

function find(program: Group, words: readonly string[]): Found {
  let found: Group | Command = program
  let depth = 0
  while ('commands' in found) {
    const word: string | undefined = words[depth]
    if (word === undefined || !Object.hasOwn(found.commands, word)) break
    found = found.commands[word]!
    depth++
  }
  return { found, path: words.slice(0, depth), rest: words.slice(depth) }
}

function parse(command: Command, rest: readonly string[]): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...rest],
      options: command.options ?? {},
      allowPositionals: (command.names ?? 0) > 0,
    })
    const { names = 0, optionalNames = 0 } = command
    if (positionals.length > names || positionals.length < names - optionalNames)
      throw new UsageError(`expected ${names} name`)
    return { values: values as Arguments['values'], names: positionals }
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function report(error: unknown, help: string, terminal: Terminal): number {
  if (error instanceof UsageError) {
    terminal.complain(`${error.message}\n\n${help.trimEnd()}`)
    return 2
  }
  if (error instanceof ConfigError) {
    for (const problem of error.problems) terminal.complain(`configuration: ${problem}`)
    return 1
  }
  terminal.complain(error instanceof Error ? error.message : String(error))
  return 1
}

const commandHelp = (command: Command, path: readonly string[]): string =>
  `${command.summary}\n\nUsage: ${['myelin', ...path, command.usage].join(' ').trimEnd()}\n`

function groupHelp(group: Group, path: readonly string[]): string {
  const lines = list(group, path)
  const width = Math.max(...lines.map(([usage]) => usage.length))
  const commands = lines.map(([usage, summary]) => `  ${usage.padEnd(width)}  ${summary}`)
  return `${group.summary}\n\nCommands:\n${commands.join('\n')}\n`
}

function list(group: Group, path: readonly string[]): (readonly [string, string])[] {
  return Object.entries(group.commands).flatMap(([name, command]) => {
    const words = [...path, name]
    if ('commands' in command) return list(command, words)
    return [[[...words, command.usage].join(' ').trimEnd(), command.summary] as const]
  })
}
