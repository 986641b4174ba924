import { parseArgs } from 'node:util'
import { growth } from './compare/growth.ts'
import { sends } from './compare/sends.ts'
import { busyRoom } from './federation/busy-room.ts'
import { fanOut } from './federation/fan-out.ts'
import type { FederationWorkload } from './federation/federation-workload.ts'
import { joinLarge } from './federation/join-large.ts'
import { receive } from './federation/receive.ts'
import { hostile } from './hostile/hostile.ts'
import { adoptLargeJoin } from './inside/import-send-join.ts'
import { bypasses } from './inside/bypasses.ts'
import { ceiling } from './inside/ceiling.ts'
import { resolve } from './inside/resolve.ts'
import { roomState } from './inside/room-state.ts'
import { routing } from './inside/routing.ts'
import { loopDelay } from './support/loop-delay.ts'
import { startOwnServer, type RunningServer } from './support/own-server.ts'
import { startSynapse } from './support/synapse.ts'
import { targetAt, type Target } from './support/target.ts'
import type { Figures, InsideWorkload, Options, Workload } from './support/workload.ts'
import { bigRoom } from './workloads/big-room.ts'
import { churn } from './workloads/churn.ts'
import { idleSync } from './workloads/idle-sync.ts'
import { initialSync } from './workloads/initial-sync.ts'
import { createRooms, joinRoom } from './workloads/rooms.ts'
import { send } from './workloads/send.ts'
import { sendToSync } from './workloads/send-to-sync.ts'

const workloads: Readonly<Record<string, Workload>> = {
  send,
  'send-to-sync': sendToSync,
  'initial-sync': initialSync,
  'idle-sync': idleSync,
  'create-rooms': createRooms,
  'join-room': joinRoom,
  'big-room': bigRoom,
  churn,
}

const insideWorkloads: Readonly<Record<string, InsideWorkload>> = {
  'adopt-join': adoptLargeJoin,
  bypasses,
  'room-state': roomState,
  resolve,
  ceiling,
  routing,
}

const federationWorkloads: Readonly<Record<string, FederationWorkload>> = {
  'federation-receive': receive,
  'federation-fan-out': fanOut,
  'federation-join': joinLarge,
  'federation-busy-room': busyRoom,
}

const fallbacks: Options = { clients: 16, rooms: 100, members: 100, seconds: 10, rate: 50, days: 30, servers: 300 }

const listOf = (table: Readonly<Record<string, Pick<Workload, 'summary' | 'defaults'>>>): string =>
  Object.entries(table)
    .map(([name, { summary, defaults }]) => `  ${name.padEnd(20)} ${summary} ${JSON.stringify(defaults)}`)
    .join('\n')

const help = `usage: npm run bench -- WORKLOAD [options]

Workloads of any homeserver, through its public API:
${listOf(workloads)}

Below it, of our own code alone:
${listOf(insideWorkloads)}

Of our own server among others, which are started with it:
${listOf(federationWorkloads)}

Of whole servers, which they start themselves:
  growth         processor time of one user's requests in --sizes rooms of --members, beside another checkout
  sends          durable sends in turns of --seconds, --rounds times: this server, other checkouts, the ceiling
  hostile        latency of ordinary users and memory while somebody attacks

Without --url the server of this repository is started with empty data (SQLite, or --database).
  --url URL          another homeserver, through its public API
  --secret SECRET    its registration secret (/_synapse/admin/v1/register)
  --tokens A,B,…     or access tokens of existing users
  --synapse FOLDER   or the Synapse of a Python environment, started with empty data on --database
  --pid N            the process behind --url, for its memory
  --database URL     postgres://… of an empty database, for our own server or Synapse; with --url the one it uses
  --with-ceiling     run the ceiling in the same run and give the ratio (send)
  --profile FOLDER   write a CPU profile of our own server there
  --sizes A,B,…      numbers of rooms (growth; default 10,100,1000,3000,10000)
  --messages N       messages in each room (growth; default 20)
  --beside FOLDER    another checkout, measured in turns with this one (growth); or several, A,B,… (sends)
  --rounds N         turns of each server (sends; default 5)
  --only N16,N21     some of the attacks (hostile); each is given --seconds at most
  --clients N --rooms N --members N --seconds N --rate N --days N --servers N`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    help: { type: 'boolean' },
    url: { type: 'string' },
    secret: { type: 'string' },
    tokens: { type: 'string' },
    synapse: { type: 'string' },
    pid: { type: 'string' },
    database: { type: 'string' },
    'with-ceiling': { type: 'boolean' },
    profile: { type: 'string' },
    clients: { type: 'string' },
    rooms: { type: 'string' },
    members: { type: 'string' },
    seconds: { type: 'string' },
    rate: { type: 'string' },
    days: { type: 'string' },
    servers: { type: 'string' },
    sizes: { type: 'string' },
    messages: { type: 'string' },
    beside: { type: 'string' },
    rounds: { type: 'string' },
    only: { type: 'string' },
  },
})

const optionsFor = (defaults: Partial<Options>): Options => {
  const options = { ...fallbacks, ...defaults }
  for (const name of Object.keys(options) as (keyof Options)[])
    if (values[name] !== undefined) options[name] = Number(values[name])
  return options
}

function runningTarget(url: string): Target {
  const inside = { pid: values.pid === undefined ? undefined : Number(values.pid), database: values.database }
  return targetAt(url, { secret: values.secret, tokens: values.tokens?.split(',') }, inside)
}

function startServer(): Promise<RunningServer> {
  if (values.synapse === undefined) {
    // All clients of a benchmark have one address.
    const settings = { MYELIN_LIMITS_CONNECTIONS_PER_ADDRESS: '16384' }
    return startOwnServer({ database: values.database, profileTo: values.profile, settings })
  }
  if (values.database === undefined) throw new Error('--synapse needs a --database')
  return startSynapse(values.synapse, values.database)
}

async function runWorkload(workload: Workload): Promise<Figures> {
  const options = optionsFor(workload.defaults)
  if (values.url !== undefined) return workload.run(runningTarget(values.url), options)
  const server = await startServer()
  try {
    const loop = loopDelay(server.target)
    await loop('start')
    return { ...(await workload.run(server.target, options)), ...(await loop('whole')) }
  } finally {
    server.target.http.close()
    await server.stop()
  }
}

const runInside = ({ run, defaults }: InsideWorkload): Promise<Figures> => run(optionsFor(defaults), values.database)

const runAmongOthers = ({ run, defaults }: FederationWorkload): Promise<Figures> =>
  run(optionsFor(defaults), { database: values.database, profileTo: values.profile })

const runGrowth = (): Promise<string> =>
  growth({
    sizes: (values.sizes ?? '10,100,1000,3000,10000').split(',').map(Number),
    members: Number(values.members ?? 20),
    messages: Number(values.messages ?? 20),
    database: values.database,
    beside: values.beside,
  })

const runHostile = (): Promise<string> =>
  hostile({
    only: values.only?.split(',') ?? [],
    seconds: Number(values.seconds ?? 15),
    database: values.database,
  })

const runSends = (): Promise<string> =>
  sends({
    ...optionsFor({ clients: 64, seconds: 3 }),
    rounds: Number(values.rounds ?? 5),
    database: values.database,
    beside: values.beside?.split(',') ?? [],
  })

const comparisons: Readonly<Record<string, () => Promise<string>>> = {
  growth: runGrowth,
  sends: runSends,
  hostile: runHostile,
}

const [name = ''] = positionals
const workload = workloads[name]
const inside = insideWorkloads[name]
const comparison = comparisons[name]
const amongOthers = federationWorkloads[name]
if (values.help || !(workload ?? inside ?? comparison ?? amongOthers)) {
  console.log(help)
  process.exitCode = values.help ? 0 : 2
} else if (comparison) console.log(await comparison())
else if (amongOthers) console.log(await runAmongOthers(amongOthers))
else if (inside) console.log(await runInside(inside))
else if (workload) {
  const figures = await runWorkload(workload)
  const bare = values['with-ceiling'] ? await runInside(ceiling) : {}
  const ratio = bare['ceiling_per_s']
    ? { percent_of_ceiling: Math.round((100 * (figures['sends_per_s'] ?? 0)) / bare['ceiling_per_s']) }
    : {}
  console.log({ ...figures, ...bare, ...ratio })
}
