import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { EventId } from '#protocol/ids.ts'
import { roomOf, type Unresolved } from '../protocol/state-resolution/kept-history.ts'

/** The other implementation: tells what the states of a history resolve to; undefined where it cannot take them in. */
export type Library = AsyncDisposable & { resolve(history: Unresolved): Promise<EventId[] | undefined> }

/** Starts the library; `await using` ends it. */
export function startLibrary(): Library {
  const python = `${process.env.SYNAPSE_VENV ?? '/tmp/synapse-venv'}/bin/python`
  const script = fileURLToPath(new URL('resolve_with_synapse.py', import.meta.url))
  const child = spawn(python, [script, '--tell'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    async resolve(history) {
      const { events, rejected } = roomOf(history)
      const [{ room_id: roomId } = {}] = history.events.slice(1)
      const named = [...events].map(([id, pdu]) => ({ id, pdu }))
      const line = { version: history.version, room_id: roomId, events: named, rejected: [...rejected] }
      child.stdin.write(`${JSON.stringify({ ...line, sets: history.sets })}\n`)
      const { value, done } = await answers.next()
      if (done) throw new Error('The library has ended')
      return (JSON.parse(value as string) as EventId[] | null) ?? undefined
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await new Promise((resolve) => child.once('exit', resolve))
    },
  }
}
