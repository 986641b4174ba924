import { text } from 'node:stream/consumers'
import type { Terminal } from './command.ts'

/** Less than the ten seconds after which Docker kills. */
const endMs = 8000

/** The terminal and the signals of this process. */
export const processTerminal: Terminal = {
  env: process.env,
  print: (output) => void process.stdout.write(output),
  complain: (line) => void process.stderr.write(`${line}\n`),
  read: () => text(process.stdin),
  stopped: () =>
    new Promise((resolve) => {
      let asked = false
      const stop = () => {
        if (asked) process.exit(1)
        asked = true
        resolve()
      }
      // As process 1 of a container Node has no handlers of its own.
      process.on('SIGTERM', stop)
      process.on('SIGINT', stop)
    }),
  crashed: () => new Promise((resolve) => void process.on('uncaughtException', resolve)),
  limitEnd: () => void setTimeout(() => process.exit(1), endMs).unref(),
}
