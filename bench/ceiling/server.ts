// The bare send path, nothing but what durability and signatures cost: what the server itself is measured against.
import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import Koa from 'koa'
import { canonicalJson } from '#protocol/json/canonical-json.ts'
import type { JsonObject } from '#protocol/events/event.ts'

const [port, path] = process.argv.slice(2)
const { privateKey } = generateKeyPairSync('ed25519')
const writer = new Worker(new URL('./writer.ts', import.meta.url), { workerData: { path } })

type Waiting = { row: [string, string]; resolve(): void }
const waiting: Waiting[] = []
let underWay: Waiting[] | undefined

const flush = (): void => {
  if (underWay || waiting.length === 0) return
  underWay = waiting.splice(0, 200)
  writer.postMessage(underWay.map(({ row }) => row))
}
writer.on('message', () => {
  for (const { resolve } of underWay ?? []) resolve()
  underWay = undefined
  flush()
})

const store = (row: [string, string]): Promise<void> =>
  new Promise((resolve) => {
    waiting.push({ row, resolve })
    flush()
  })

let depth = 0

const app = new Koa()
app.use(async (exchange) => {
  const chunks: Buffer[] = []
  for await (const chunk of exchange.req) chunks.push(chunk as Buffer)
  if (chunks.length === 0) return void (exchange.body = {})
  const content = JSON.parse(Buffer.concat(chunks).toString()) as JsonObject
  const event: JsonObject = {
    content,
    type: 'm.room.message',
    sender: '@a:b',
    room_id: '!r',
    origin_server_ts: Date.now(),
    depth: ++depth,
  }
  event['hashes'] = { sha256: createHash('sha256').update(canonicalJson(event)).digest('base64') }
  const signed = canonicalJson(event)
  event['signatures'] = { b: { k: sign(null, Buffer.from(signed), privateKey).toString('base64') } }
  const id = `$${createHash('sha256').update(signed).digest('base64url')}`
  await store([id, JSON.stringify(event)])
  exchange.body = { event_id: id }
})
app.listen(Number(port), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
