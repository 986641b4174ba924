import { startFreshServer } from '../support/fresh-server.ts'
import type { OwnServer, OwnServerOptions } from '../support/own-server.ts'

/** What a server of ours is called that no other has to reach. */
export const ourName = 'bench'

export type FederatedOptions = OwnServerOptions & {
  /** Of the certificate authority of the others. */
  authorityFile: string
}

/** Starts our server so that it finds others on loopback. */
export function startFederated({ authorityFile, settings, ...options }: FederatedOptions): Promise<OwnServer> {
  const federation = {
    MYELIN_SERVER_NAME: ourName,
    MYELIN_OUTGOING_ALLOWED_NETWORKS: '127.0.0.0/8',
    MYELIN_OUTGOING_CA_FILES: authorityFile,
    MYELIN_FEDERATION_KEY_SERVERS: '[]',
    // All clients of a benchmark have one address.
    MYELIN_LIMITS_CONNECTIONS_PER_ADDRESS: '16384',
  }
  return startFreshServer({ ...options, settings: { ...federation, ...settings } })
}
