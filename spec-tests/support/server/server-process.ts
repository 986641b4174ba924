import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { TestDatabase } from './databases.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

const { PATH, NODE_COMPILE_CACHE } = process.env

/** What a process gets from this one; with the compiler's cache it starts in half the time. */
export const inherited = { PATH, ...(NODE_COMPILE_CACHE && { NODE_COMPILE_CACHE }) }

/** A server in a process of its own, as an operator starts it. */
export type ServerProcess = {
  /** Where it listens, once it is ready; undefined when it ended before. */
  ready: Promise<string | undefined>
  /** Ends it with the signal and waits until it is gone. */
  end(signal: NodeJS.Signals): Promise<void>
}

export function startServerProcess({ url, folder }: TestDatabase): ServerProcess {
  const env = {
    ...inherited,
    MYELIN_SERVER_NAME: 'test',
    MYELIN_DATA_DIR: folder,
    MYELIN_DATABASE_URL: url,
    MYELIN_LISTEN_PORT: '0',
    MYELIN_REGISTRATION_MODE: 'open',
    MYELIN_ACCOUNTS_PASSWORD_HASH_MEMORY_KIB: '64',
    MYELIN_RATE_LIMITS_ENABLED: 'false',
  }
  const child = spawn(process.execPath, [main, 'start'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const gone = once(child, 'exit')
  // It must not outlive a test run that is cut short.
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return {
    ready: readyUrl(child),
    async end(signal) {
      child.kill(signal)
      await gone
    },
  }
}

async function readyUrl({ stdout }: ChildProcess): Promise<string | undefined> {
  if (!stdout) return undefined
  let url: string | undefined
  const lines = createInterface(stdout)
  for await (const line of lines) {
    if (!line.startsWith('{')) continue
    const { message, ...fields } = JSON.parse(line) as { message: string; url?: string }
    if (message === 'listening') url = fields.url
    if (message !== 'ready') continue
    // What follows is not read, but must not fill the pipe.
    stdout.resume()
    return url
  }
  return undefined
}
