import type { ServerName } from '#protocol/ids.ts'

/** A request to another server, signed already. */
export type FederationRequest = {
  destination: ServerName
  method: 'GET' | 'POST' | 'PUT'
  /** Path and query. */
  uri: string
  headers: Readonly<Record<string, string>>
  body?: string | undefined
  /** How long the whole exchange may take. */
  timeoutMs: number
  /** A longer answer is refused. */
  maxBytes: number
  signal?: AbortSignal | undefined
}

export type FederationAnswer = { status: number; headers: Readonly<Record<string, string>>; body: Uint8Array }

/**
 * Carries requests to other servers: finds where a server name is served, and speaks to it there. Rejects, with any
 * error, where no whole answer could be had.
 */
export type FederationTransport = {
  send(request: FederationRequest): Promise<FederationAnswer>
  close(): Promise<void>
}
