import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { registerUser, type TestUser } from '../../support/server/client.ts'
import { eventually } from './eventually.ts'

export type Program = { command: string; args: readonly string[]; env?: Record<string, string>; folder: string }

type Identity = {
  /** The name of the software. */
  kind: string
  /** The server name. */
  name: string
  /** Where its clients reach it. */
  url: string
  /** File of what its process prints. */
  log: string
}

/** A homeserver in a process of its own, which can be stopped and started again. */
export class Homeserver implements AsyncDisposable {
  readonly kind: string
  readonly name: string
  readonly url: string
  readonly #log: string
  readonly #program: Program
  #running: ChildProcess | undefined

  constructor({ kind, name, url, log }: Identity, program: Program) {
    this.kind = kind
    this.name = name
    this.url = url
    this.#log = log
    this.#program = program
  }

  /** Starts the process and waits until it answers. */
  async start(): Promise<void> {
    assert.equal(this.#running, undefined, `${this.kind} runs already`)
    const { command, args, env, folder } = this.#program
    const log = openSync(this.#log, 'a')
    const child = spawn(command, args, {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', log, log],
    })
    closeSync(log)
    this.#running = child
    // It must not outlive a run that is cut short.
    const kill = () => void child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.off('exit', kill))
    await eventually(`${this.kind} to answer`, () => this.#answers(child), { withinMs: 90_000 })
  }

  async stop(): Promise<void> {
    const child = this.#running
    this.#running = undefined
    if (!child || hasEnded(child)) return
    const gone = once(child, 'exit')
    child.kill('SIGTERM')
    // As an operator's supervisor does.
    const impatience = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await gone
    clearTimeout(impatience)
  }

  register(username: string): Promise<TestUser> {
    return registerUser(this.url, username)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #answers(child: ChildProcess): Promise<boolean> {
    if (hasEnded(child)) throw new Error(`${this.kind} ended at its start:\n${this.#endOfLog()}`)
    try {
      return (await fetch(`${this.url}/_matrix/client/versions`)).ok
    } catch {
      return false
    }
  }

  #endOfLog(): string {
    return readFileSync(this.#log, 'utf8').slice(-2000)
  }
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null
