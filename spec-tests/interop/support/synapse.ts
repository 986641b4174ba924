import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Homeserver } from './homeserver.ts'
import type { Place } from './place.ts'

/** Synapse as the Python of an environment has it installed, over SQLite. */
export function prepareSynapse(python: string, place: Place): Homeserver {
  const { folder, clientPort } = place
  const name = `localhost:${place.federationPort}`
  const at = (file: string) => join(folder, file)
  writeFileSync(at('log.yaml'), JSON.stringify(logging(at('homeserver.log'))))
  // JSON is YAML.
  writeFileSync(at('homeserver.yaml'), JSON.stringify({ server_name: name, ...settings(place), ...limits }, null, 2))
  const args = ['-m', 'synapse.app.homeserver', '-c', at('homeserver.yaml')]
  execFileSync(python, [...args, '--generate-keys'], { cwd: folder, stdio: 'ignore' })
  return new Homeserver(
    { kind: 'Synapse', name, url: `http://127.0.0.1:${clientPort}`, log: at('process.log') },
    { command: python, args, folder },
  )
}

function settings({ folder, authority, federationPort, clientPort }: Place) {
  const at = (file: string) => join(folder, file)
  const { certificate, key } = authority.issue('localhost')
  const listener = { type: 'http', bind_addresses: ['127.0.0.1'] }
  return {
    pid_file: at('homeserver.pid'),
    media_store_path: at('media'),
    signing_key_path: at('signing.key'),
    log_config: at('log.yaml'),
    listeners: [
      { ...listener, port: federationPort, tls: true, resources: [{ names: ['federation'] }] },
      { ...listener, port: clientPort, resources: [{ names: ['client'] }] },
    ],
    tls_certificate_path: certificate,
    tls_private_key_path: key,
    federation_verify_certificates: true,
    federation_custom_ca_list: [authority.file],
    ip_range_blacklist: [],
    trusted_key_servers: [],
    allow_device_name_lookup_over_federation: true,
    allow_public_rooms_over_federation: true,
    room_list_publication_rules: [{ action: 'allow' }],
    // A server that is stopped and started again is found in seconds, which by default takes ten minutes.
    federation: { destination_min_retry_interval: '1s', destination_max_retry_interval: '5s', max_short_retries: 1 },
    database: { name: 'sqlite3', args: { database: at('homeserver.db') } },
    macaroon_secret_key: 'interop',
    form_secret: 'interop',
    bcrypt_rounds: 4,
    report_stats: false,
    enable_registration: true,
    enable_registration_without_verification: true,
    presence: { enabled: true },
    // No limit: what a sync leaves out would be no loss.
    filter_timeline_limit: -1,
  }
}

const unlimited = { per_second: 1_000_000, burst_count: 1_000_000 }

const limits = {
  ...Object.fromEntries(
    ['message', 'registration', 'admin_redaction', 'room_creation', 'profile', 'key_requests', 'media_create'].map(
      (name) => [`rc_${name}`, unlimited],
    ),
  ),
  rc_login: { address: unlimited, account: unlimited, failed_attempts: unlimited },
  rc_joins: { local: unlimited, remote: unlimited },
  rc_joins_per_room: unlimited,
  rc_invites: { per_room: unlimited, per_user: unlimited, per_issuer: unlimited },
  rc_presence: { per_user: unlimited },
  rc_federation: { window_size: 1000, sleep_limit: 100_000, sleep_delay: 1, reject_limit: 100_000, concurrent: 100 },
}

const logging = (filename: string) => ({
  version: 1,
  disable_existing_loggers: false,
  formatters: { lines: { format: '%(asctime)s %(levelname)s %(name)s %(request)s %(message)s' } },
  filters: { context: { '()': 'synapse.logging.context.LoggingContextFilter', request: '' } },
  handlers: { file: { class: 'logging.FileHandler', filename, formatter: 'lines', filters: ['context'] } },
  loggers: { 'synapse.storage.SQL': { level: 'INFO' } },
  root: { level: 'INFO', handlers: ['file'] },
})
