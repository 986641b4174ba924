import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, Agent, request, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Koa from 'koa'
import type { Bulk } from '#store/engine/bulk.ts'
import type { Engine } from '#store/engine/engine.ts'
import { migrate } from '#store/engine/migrate.ts'
import { openEngine } from '#store/engine/open-engine.ts'
import { sendAnswer } from '#http/send-answer.ts'
import { openStore } from '#store/open.ts'
import { round } from '../support/statistics.ts'
import type { InsideWorkload } from '../support/workload.ts'

const rounds = 3

/** In microseconds of processor time, in turns, the median of some rounds. */
export const bypasses: InsideWorkload = {
  summary: 'what going past Koa and Knex saves: an answer, a batch of the event writer, reads of 50 rooms',
  defaults: {},
  async run(_options, database) {
    const folder = mkdtempSync(join(tmpdir(), 'bypasses-'))
    const url = database ?? `sqlite:${join(folder, 'bypasses.db')}`
    try {
      return { ...(await answers()), ...(await batches(url)), ...(await reads(url)) }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
}

type Ways = Readonly<Record<string, (count: number) => Promise<void>>>

/** Every way in turn, so that what else the machine does meets all of them. */
async function compare(ways: Ways, count: number): Promise<Record<string, number>> {
  const taken = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
  for (const way of Object.values(ways)) await way(Math.ceil(count / 10))
  for (let turn = 0; turn < rounds; turn++)
    for (const [name, way] of Object.entries(ways)) {
      const before = process.cpuUsage()
      await way(count)
      const { user, system } = process.cpuUsage(before)
      taken.get(name)?.push((user + system) / count)
    }
  return Object.fromEntries([...taken].map(([name, times]) => [name, round(median(times))]))
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1] ?? 0

/** An answer as small as that of a send, with the client's own time in both. */
async function answers(): Promise<Record<string, number>> {
  const text = JSON.stringify({ event_id: '$Rqnc-F-dvnEYJTyHq_iKxU2bZ1CI92-kuZq3a5lr5Zg' })
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store', 'x-request-id': 'r'.repeat(16) }
  const past = new Koa().use((exchange) => sendAnswer(exchange, { headers, body: text })).callback()
  const through = new Koa()
    .use((exchange) => {
      exchange.set(headers)
      exchange.body = text
    })
    .callback()
  const bare: RequestListener = (_, response) => {
    response.writeHead(200, { ...headers, 'content-length': Buffer.byteLength(text) })
    response.end(text)
  }
  const servers = await Promise.all([past, through, bare].map(serve))
  const [own, koa, node] = servers.map(({ ask }) => ask)
  const ways = { answer_past_koa_us: own!, answer_through_koa_us: koa!, answer_bare_node_us: node! }
  const figures = await compare(ways, 8000)
  for (const { close } of servers) close()
  return figures
}

async function serve(listener: RequestListener) {
  const server = createServer((incoming, response) => void listener(incoming, response)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  const { port } = server.address() as AddressInfo
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const sent = request({ port, agent }, (reply) => reply.resume().once('end', resolve))
      sent.once('error', reject).end()
    })
  const ask = async (count: number) => {
    for (let n = 0; n < count; n += 8) await Promise.all(Array.from({ length: 8 }, one))
  }
  const close = () => {
    agent.destroy()
    server.close()
  }
  return { ask, close }
}

const writesAtOnce = 8

/** What eight sends to eight rooms write, as one batch and as the query builder says it in one transaction. */
async function batches(url: string): Promise<Record<string, number>> {
  const engine = await openEngine(url, 4)
  await migrate(engine)
  let next = Date.now()
  const rowsOf = () => Array.from({ length: writesAtOnce }, () => eventRow(next++))
  const figures = await compare(
    {
      batch_past_knex_us: (count) => repeat(count, () => writeBatch(engine, rowsOf())),
      batch_through_knex_us: (count) => repeat(count, () => writeBuilt(engine, rowsOf())),
    },
    400,
  )
  await engine.close()
  return figures
}

const repeat = async (count: number, once: () => Promise<void>): Promise<void> => {
  for (let n = 0; n < count; n++) await once()
}

const columns = {
  position: 'bigint',
  event_id: 'text',
  room_nid: 'bigint',
  type: 'text',
  sender: 'text',
  origin_server_ts: 'bigint',
  client_json: 'text',
  graph_json: 'text',
  status: 'smallint',
} as const satisfies Bulk['columns']

const eventRow = (position: number) => ({
  position,
  event_id: `$bench${position}`,
  room_nid: position % writesAtOnce,
  type: 'm.room.message',
  sender: '@alice:example.org',
  origin_server_ts: position,
  client_json: JSON.stringify({ content: { msgtype: 'm.text', body: 'message of a conversation that goes on' } }),
  graph_json: JSON.stringify({ prev_events: [`$bench${position - 1}`], depth: position }),
  status: 0,
})

type EventRow = ReturnType<typeof eventRow>

const transactionRow = ({ event_id, position }: EventRow) => ({
  user_id: '@alice:example.org',
  device_id: 'DEVICE',
  scope: 'send',
  transaction_id: `t${position}`,
  event_id,
  position,
  created_at: position,
})

const transactionColumns = {
  user_id: 'text',
  device_id: 'text',
  scope: 'text',
  transaction_id: 'text',
  event_id: 'text',
  position: 'bigint',
  created_at: 'bigint',
} as const satisfies Bulk['columns']

const takePosition = 'update streams set position = position + ? where name = ? returning position'

const writeBatch = (engine: Engine, rows: readonly EventRow[]): Promise<void> =>
  engine.batch(async (batch) => {
    await batch.query(takePosition, [rows.length, 'events'])
    await batch.write([
      {
        kind: 'update',
        table: 'rooms',
        key: ['nid'],
        columns: { nid: 'bigint', last_position: 'bigint' },
        rows: rows.map((row) => [row.room_nid, row.position]),
      },
      { kind: 'insert', table: 'events', key: [], columns, rows: rows.map((row) => Object.values(row)) },
      {
        kind: 'insert',
        table: 'event_transactions',
        key: [],
        columns: transactionColumns,
        rows: rows.map((row) => Object.values(transactionRow(row))),
      },
    ])
  })

const writeBuilt = (engine: Engine, rows: readonly EventRow[]): Promise<void> =>
  engine.knex.transaction(async (tx) => {
    await tx('streams').where({ name: 'events' }).increment('position', rows.length).returning('position')
    for (const row of rows) await tx('rooms').where({ nid: row.room_nid }).update({ last_position: row.position })
    await tx('events').insert(rows)
    await tx('event_transactions').insert(rows.map(transactionRow))
  })

/** The newest 20 events of each of 50 rooms, asked for in one statement and room by room. */
async function reads(url: string): Promise<Record<string, number>> {
  const store = await openStore({ url, poolSize: 4, now: Date.now })
  const asks = Array.from({ length: 50 }, (_, index) => ({
    roomNid: index % writesAtOnce,
    before: Number.MAX_SAFE_INTEGER,
    after: 0,
  }))
  const figures = await compare(
    {
      fifty_rooms_gathered_us: (count) => repeat(count, async () => void (await store.rooms.events.pages(asks, 20))),
      fifty_rooms_one_by_one_us: (count) =>
        repeat(count, async () => {
          for (const ask of asks) await store.rooms.events.pages([ask], 20)
        }),
    },
    20,
  )
  await store.close()
  return figures
}
