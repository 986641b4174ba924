import { room } from '../../../src/cli/room.ts'
import type { Terminal } from '../../../src/cli/command.ts'
import { run } from '../../../src/cli/run.ts'
import { user } from '../../../src/cli/user.ts'

/** Runs a command in this process, with nothing on the standard input; answers its exit code and all that it printed. */
export async function runCommand(
  env: Terminal['env'],
  words: readonly string[],
): Promise<{ code: number; printed: string }> {
  let printed = ''
  const terminal = {
    env,
    print: (text: string) => void (printed += text),
    complain: (text: string) => void (printed += text),
    read: async () => '',
    stopped: async () => {},
    crashed: () => new Promise<Error>(() => {}),
    limitEnd: () => {},
  }
  const code = await run({ summary: '', commands: { room, user } }, words, terminal)
  return { code, printed }
}
