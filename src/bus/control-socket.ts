import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Log } from '#base/log.ts'
import { isObject, type JsonValue } from '#protocol/events/event.ts'
import type { Bus } from './bus.ts'
import * as topics from './topics.ts'

/** The name of the socket, in `data_dir`. */
export const controlFile = 'control.sock'
/** What a command sends to be answered with the status. */
const statusQuestion = { ask: 'status' }

/** What the running server has seen. */
export type ServerStatus = {
  /** The first address whose X-Forwarded-For was ignored. */
  untrustedProxy?: string | undefined
}

/** Longer lines are not from this program. */
const maxLineLength = 1_000_000
/** How long a command waits for the server to accept a message. */
const answerMs = 5000

/**
 * Lets commands on this machine ask for the status of the running server, and publish on its bus, so that its caches are
 * invalidated when they change the store. Access to the socket needs the same permissions as the database beside it.
 */
export async function openControlSocket(
  { bus, log, status }: { bus: Bus; log: Log; status: () => ServerStatus },
  path: string,
): Promise<() => Promise<void>> {
  const connections = new Set<Socket>()
  const server = createServer((socket) => {
    connections.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => connections.delete(socket))
    const lines = createInterface(socket)
    lines.on('error', () => {}) // that of the socket
    lines.on('line', (line) => {
      if (line.length > maxLineLength) return void socket.destroy()
      socket.write(`${answer({ bus, status }, line)}\n`)
    })
  })
  await rm(path, { force: true }) // left behind by a process that was killed
  try {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(path, resolve))
    await chmod(path, 0o600)
  } catch (error) {
    log.warn('commands cannot reach this server: what they change shows after up to half a minute', {
      error: String(error),
    })
    return async () => {}
  }
  server.unref()
  return async () => {
    for (const socket of connections) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
}

/** A message for the bus is answered by an empty line. */
function answer({ bus, status }: { bus: Bus; status: () => ServerStatus }, line: string): string {
  const message = parse(line)
  if (!isObject(message)) return ''
  if (message.ask === statusQuestion.ask) return JSON.stringify(status())
  const topic = Object.values<{ name: string }>(topics).find(({ name }) => name === message.topic)
  // A command of the same version wrote it, so that the payload is that of the topic.
  if (topic) bus.publish<JsonValue>(topic, message.payload ?? null)
  return ''
}

function parse(line: string): JsonValue | undefined {
  try {
    return JSON.parse(line) as JsonValue
  } catch {
    return undefined
  }
}

/** The bus of a command: its messages reach the server that runs on the same data, if any. */
export function controlBus(path: string): Bus {
  const sent: Promise<void>[] = []
  return {
    publish: ({ name }, payload) =>
      void sent.push(exchange(path, JSON.stringify({ topic: name, payload })).then(() => {})),
    subscribe: () => () => {},
    close: async () => void (await Promise.all(sent)),
  }
}

/** The status of the server that runs on these data; undefined where none does. */
export async function readServerStatus(path: string): Promise<ServerStatus | undefined> {
  const answered = parse(await exchange(path, JSON.stringify(statusQuestion)))
  return isObject(answered) ? (answered as ServerStatus) : undefined
}

/** Sends a line and answers the server's; an empty one without a running server. */
function exchange(path: string, line: string): Promise<string> {
  return new Promise((resolve) => {
    let answered = ''
    const socket = connect(path)
    socket.setTimeout(answerMs, () => socket.destroy())
    socket.on('error', () => {}).on('close', () => resolve(answered))
    socket.setEncoding('utf8').on('data', (part) => {
      answered += String(part)
      if (answered.endsWith('\n') || answered.length > maxLineLength) socket.end()
    })
    socket.write(`${line}\n`)
  })
}
