import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Homeserver } from './homeserver.ts'
import type { Place } from './place.ts'

const main = fileURLToPath(new URL('../../../src/main.ts', import.meta.url))

/** This server, as an operator starts it in a closed network; its name is an address. */
export function prepareMyelin({ folder, authority, federationPort, clientPort }: Place): Homeserver {
  const { certificate, key } = authority.issue('127.0.0.1')
  const name = `127.0.0.1:${federationPort}`
  const env = {
    MYELIN_SERVER_NAME: name,
    MYELIN_DATA_DIR: folder,
    MYELIN_LISTEN_PORT: String(clientPort),
    MYELIN_LISTEN_TLS_PORT: String(federationPort),
    MYELIN_LISTEN_TLS_CERTIFICATE: certificate,
    MYELIN_LISTEN_TLS_KEY: key,
    MYELIN_REGISTRATION_MODE: 'open',
    MYELIN_ACCOUNTS_PASSWORD_HASH_MEMORY_KIB: '64',
    MYELIN_RATE_LIMITS_ENABLED: 'false',
    MYELIN_FEDERATION_SHARE_DEVICE_NAMES: 'true',
    MYELIN_FEDERATION_KEY_SERVERS: '[]',
    MYELIN_OUTGOING_ALLOWED_NETWORKS: '127.0.0.0/8,::1',
    MYELIN_OUTGOING_CA_FILES: authority.file,
    MYELIN_LOGGING_LEVEL: 'debug',
  }
  return new Homeserver(
    { kind: 'Myelin', name, url: `http://127.0.0.1:${clientPort}`, log: join(folder, 'process.log') },
    { command: process.execPath, args: [main, 'start'], env, folder },
  )
}
