import { text } from 'node:stream/consumers'
import type { Terminal } from './command.ts'

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
        // Whatever still hangs must not make service managers wait; what was acknowledged is on disk.
        if (asked) process.exit(1)
        asked = true
        setTimeout(() => process.exit(1), 950).unref()
        resolve()
      }
      // As process 1 of a container Node has no handlers of its own.
      process.on('SIGTERM', stop)
      process.on('SIGINT', stop)
    }),
}
