import { execFileSync, spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ended, freePort, untilAnswering, type RunningServer } from './own-server.ts'
import { targetAt } from './target.ts'

const secret = 'bench'

/** Starts the Synapse of a Python environment on an empty PostgreSQL database, without rate limits and workers. */
export async function startSynapse(environment: string, database: string): Promise<RunningServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'synapse-bench-'))
  const port = await freePort()
  const python = join(environment, 'bin/python')
  const config = join(dataDir, 'homeserver.yaml')
  await writeFile(join(dataDir, 'log.yaml'), JSON.stringify({ version: 1, root: { level: 'ERROR' } }))
  // JSON is YAML.
  await writeFile(config, JSON.stringify(settings({ dataDir, port, database: new URL(database) })))
  execFileSync(python, ['-m', 'synapse.app.homeserver', '-c', config, '--generate-keys'], { stdio: 'ignore' })
  const server = spawn(python, ['-m', 'synapse.app.homeserver', '-c', config], { cwd: dataDir, stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  await untilAnswering(`${url}/_matrix/client/versions`, server)
  return {
    target: targetAt(url, { secret }, { pid: server.pid, database }),
    dataDir,
    async stop() {
      await ended(server)
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

const unlimited = { per_second: 1_000_000, burst_count: 1_000_000 }

const settings = ({ dataDir, port, database }: { dataDir: string; port: number; database: URL }) => ({
  server_name: 'bench',
  pid_file: join(dataDir, 'homeserver.pid'),
  media_store_path: join(dataDir, 'media'),
  signing_key_path: join(dataDir, 'signing.key'),
  log_config: join(dataDir, 'log.yaml'),
  listeners: [{ port, type: 'http', bind_addresses: ['127.0.0.1'], resources: [{ names: ['client'] }] }],
  database: {
    name: 'psycopg2',
    args: {
      host: database.hostname,
      port: Number(database.port || 5432),
      user: database.username,
      password: database.password,
      dbname: database.pathname.slice(1),
      cp_min: 5,
      cp_max: 10,
    },
    allow_unsafe_locale: true,
  },
  registration_shared_secret: secret,
  macaroon_secret_key: secret,
  form_secret: secret,
  bcrypt_rounds: 4,
  report_stats: false,
  trusted_key_servers: [],
  suppress_key_server_warning: true,
  enable_registration: false,
  ...Object.fromEntries(
    ['message', 'registration', 'admin_redaction', 'room_creation', 'profile'].map((name) => [`rc_${name}`, unlimited]),
  ),
  rc_login: { address: unlimited, account: unlimited, failed_attempts: unlimited },
  rc_joins: { local: unlimited, remote: unlimited },
  rc_joins_per_room: unlimited,
  rc_invites: { per_room: unlimited, per_user: unlimited, per_issuer: unlimited },
  rc_presence: { per_user: unlimited },
})
