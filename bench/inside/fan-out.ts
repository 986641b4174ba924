import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { loadConfig } from '#base/config/load.ts'
import type { FederationRequest, FederationTransport } from '#services/remote/transport.ts'
import { startServer } from '../../src/server.ts'
import { memberRemotely } from '../../spec-tests/support/federation/fake-peer.ts'
import { createRoom, sendText } from '../../spec-tests/support/rooms/rooms.ts'
import { registerUser, type TestUser } from '../../spec-tests/support/server/client.ts'
import { percentiles, round } from '../support/statistics.ts'
import type { InsideWorkload } from '../support/workload.ts'

const messages = 5

/** To reach with 1,000 servers: 2 s, with the latency of sends as it was. */
export const fanOut: InsideWorkload = {
  summary: 'sends messages in a room of --servers, stub servers on loopback without TLS, and others beside it',
  defaults: { servers: 1000 },
  async run({ servers }, database) {
    const folder = mkdtempSync(join(tmpdir(), 'myelin-bench-'))
    await using stub = await startStub()
    const carrier = carrierTo(stub.port)
    const settings = {
      server_name: 'home',
      data_dir: folder,
      listen: { port: 0 },
      logging: { level: 'warn' },
      database: { url: database ?? `sqlite:${join(folder, 'm.db')}` },
      registration: { mode: 'open' },
      accounts: { password_hash_memory_kib: 64 },
      rate_limits: { enabled: false },
    }
    const server = await startServer(loadConfig({ settings }), { transport: carrier.transport })
    try {
      const [alice, bob] = [await registerUser(server.url, 'alice'), await registerUser(server.url, 'bob')]
      const alone = await createRoom(bob)
      const roomId = await createRoom(alice, { preset: 'public_chat' })
      for (let index = 0; index < servers; index++)
        await memberRemotely(server.context, roomId, [`@user:s${index}.test`, 'join'])
      await server.settle()
      const before = await latencies(bob, alone, () => false, 100)
      const spans: number[] = []
      const used = process.cpuUsage()
      const beside: number[] = []
      for (let message = 0; message < messages; message++) {
        const arrived = carrier.count(servers)
        const begun = performance.now()
        await sendText(alice, roomId, `${message}`)
        let isDone = false
        void arrived.then(() => (isDone = true))
        beside.push(...(await latencies(bob, alone, () => isDone, 10_000)))
        await arrived
        spans.push(performance.now() - begun)
      }
      const { user, system } = process.cpuUsage(used)
      return {
        processor_ms_each: round((user + system) / 1000 / messages),
        ...percentiles(before, 'send_alone'),
        ...percentiles(beside, 'send_beside'),
        first_fan_out_ms: round(spans[0] ?? 0),
        fan_out_ms: round(spans.slice(1).reduce((sum, span) => sum + span, 0) / (messages - 1)),
      }
    } finally {
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  },
}

/** How long sends take one after the other, until `isDone`. */
async function latencies(user: TestUser, roomId: string, isDone: () => boolean, most: number): Promise<number[]> {
  const spans: number[] = []
  while (!isDone() && spans.length < most) {
    const begun = performance.now()
    await sendText(user, roomId, 'beside')
    spans.push(performance.now() - begun)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return spans
}

async function startStub(): Promise<AsyncDisposable & { port: number }> {
  const script = new URL('../support/stub-servers.ts', import.meta.url).pathname
  const stub = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const [line] = (await once(createInterface(stub.stdout!), 'line')) as [string]
  return {
    port: Number(line),
    async [Symbol.asyncDispose]() {
      stub.disconnect()
      await once(stub, 'exit')
    },
  }
}

/** Carries all requests to one port, and tells when so many more were answered. */
function carrierTo(port: number): { transport: FederationTransport; count(more: number): Promise<void> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 512 })
  let left = 0
  let done = () => {}
  const send = ({ method, uri: path, headers, body, signal }: FederationRequest) =>
    new Promise<{ status: number; headers: Record<string, string>; body: Uint8Array }>((resolve, reject) => {
      const asked = request({ agent, host: '127.0.0.1', port, method, path, headers, signal }, (answer) => {
        const chunks: Buffer[] = []
        answer
          .on('data', (chunk: Buffer) => chunks.push(chunk))
          .on('end', () => {
            resolve({ status: answer.statusCode ?? 0, headers: {}, body: Buffer.concat(chunks) })
            if (--left === 0) done()
          })
      })
      asked.on('error', reject).end(body)
    })
  return {
    transport: { send, close: async () => agent.destroy() },
    count(more) {
      left = more
      return new Promise((resolve) => (done = resolve))
    },
  }
}
