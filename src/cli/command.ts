import type { ParseArgsConfig } from 'node:util'
import type { Environment } from '#base/config/environment.ts'

/** What a command may touch of the process. */
export type Terminal = {
  env: Environment
  /** Writes to the standard output. */
  print(text: string): void
  /** Writes a line to the standard error. */
  complain(line: string): void
  /** All of the standard input. */
  read(): Promise<string>
  /** Resolves when the process is asked to stop; who asks twice ends it at once. */
  stopped(): Promise<void>
  /** Resolves with an error that no code has caught. From then on such errors end nothing by themselves. */
  crashed(): Promise<Error>
  /** Ends the process after a while, whatever still hangs. */
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
  /** How many names it takes. */
  names?: number
  /** How many of them may be left out. */
  optionalNames?: number
  /** Answers the exit code. */
  run(args: Arguments, terminal: Terminal): Promise<number>
}

/** Commands under one word. */
export type Group = { summary: string; commands: Readonly<Record<string, Command | Group>> }

/** The command was called wrongly: exit code 2. */
export class UsageError extends Error {}

/** Options of every command that reads the configuration. */
export const configOptions = { config: { type: 'string' } } as const
