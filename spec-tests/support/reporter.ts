import { Socket } from 'node:net'
import mocha from 'mocha'
import { openDatabases } from './server/databases.ts'

/** Long enough for connections that end by themselves. */
const patienceMs = 15_000

/** Mocha's own report, then the names of what failed; a process that something keeps alive afterwards is ended as failed. */
class Reporter extends mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options)
    const failed: string[] = []
    runner.on('fail', (test) => void failed.push(test.fullTitle()))
    runner.once('end', () => {
      for (const title of failed) console.log(`FAILED: ${title}`)
      setTimeout(endLeaking, patienceMs).unref()
    })
  }
}

/** Only reached when the event loop still has work: else the process is gone before. */
function endLeaking(): void {
  const kinds = Object.entries(Object.groupBy(process.getActiveResourcesInfo(), (kind) => kind))
  const left = [...kinds.map(([kind, all]) => `${all?.length ?? 0} ${kind}`), ...openSockets()].join(', ')
  console.log(`FAILED: the tests left something open that keeps their process alive: ${left}`)
  for (const { stack } of openDatabases) console.log(`a database that was ${stack}`)
  // Mocha's own listener sets the code to the number of failures.
  process.once('exit', () => void (process.exitCode = 1))
  process.exit(1)
}

/** Where the open connections go, which tells whose they are. */
function openSockets(): string[] {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] }
  return handles.call(process).flatMap((handle) => {
    if (!(handle instanceof Socket)) return []
    const { localPort, remotePort, bytesRead, bytesWritten, destroyed, writableEnded } = handle
    return [`${localPort} -> ${remotePort} ${JSON.stringify({ bytesRead, bytesWritten, destroyed, writableEnded })}`]
  })
}

export { Reporter as default }
