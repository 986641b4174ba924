import type { ParseArgsConfig } from 'node:util'
import type { Environment } from '#base/config/environment.ts'

/** The parts of the process that a command may use. */
export type Terminal = {
  env: Environment
  /** Writes to the standard output. */
  print(text: string): void
  /** Writes a line to the standard error. */
  complain(line: string): void
  /** All of the standard input. */
  read(): Promise<string>
  /** Resolves at the first signal to stop; a second one ends the process at once. */
  stopped(): Promise<void>
  /** Resolves with an uncaught error. From then on such errors do not end the process by themselves. */
  crashed(): Promise<Error>
  /** Ends the process after a while, whatever is unfinished. */
  limitEnd(): void
}

export type Arguments = {
  values: Readonly<Record<string, string | boolean | undefined>>
  names: readonly string[]
}

/** One command of the program. */
export type Command = {
  summary: string
  /** What follows the command's name: `NAME [--admin]`. */
  usage: string
  options?: NonNullable<ParseArgsConfig['options']>
  /** The number of names it takes. */
  names?: number
  /** The number of optional names. */
  optionalNames?: number
  /** Answers the exit code. */
  run(args: Arguments, terminal: Terminal): Promise<number>
}

/** A group of commands. */
export type Group = { summary: string; commands: Readonly<Record<string, Command | Group>> }

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {}

/** Options of every command that reads the configuration. */
export const configOptions = { config: { type: 'string' } } as const
