import type { TestAuthority } from '../../support/outgoing/certificates.ts'

/** What a server is given to start with. */
export type Place = {
  /** Of its own, for whatever it keeps. */
  folder: string
  /** Which all servers trust. */
  authority: TestAuthority
  /** Where other servers reach it, with TLS; part of its name. */
  federationPort: number
  /** Where its clients reach it, without. */
  clientPort: number
}
