import { chmod, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Log } from '#base/log.ts'
import { isObject, type JsonValue } from '#protocol/events/event.ts'
import type { Bus } from './bus.ts'
import * as topics from './topics.ts'

/** Longer lines are not from this program. */
const maxLineLength = 1_000_000
/** How long a command waits for the server to accept a message. */
const answerMs = 5000

/**
 * Lets commands on this machine publish on the bus of the running server, so that its caches are invalidated when they
 * change the store. Access to the socket needs the same permissions as the database beside it.
 */
export async function openControlSocket(
  { bus, log }: { bus: Bus; log: Log },
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
      publish(bus, line)
      socket.write('\n')
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

function publish(bus: Bus, line: string): void {
  const message = parse(line)
  if (!isObject(message)) return
  const topic = Object.values<{ name: string }>(topics).find(({ name }) => name === message.topic)
  // A command of the same version wrote it, so that the payload is that of the topic.
  if (topic) bus.publish<JsonValue>(topic, message.payload ?? null)
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
    publish: ({ name }, payload) => void sent.push(send(path, JSON.stringify({ topic: name, payload }))),
    subscribe: () => () => {},
    close: async () => void (await Promise.all(sent)),
  }
}

/** Resolves once the server has accepted the line; without a running server nothing is sent. */
function send(path: string, line: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.setTimeout(answerMs, () => socket.destroy())
    socket.on('error', () => {}).on('close', () => resolve())
    socket.on('data', () => socket.end())
    socket.write(`${line}\n`)
  })
}
