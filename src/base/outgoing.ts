/** Where a request goes that no URL can say: to a server that proves another name than that of its place. Always with TLS. */
export type Place = {
  /** A host name, or an IP address without brackets. */
  host: string
  port: number
  /** Whom the certificate must name: a host name or an IP address; told to the server where it is a name (SNI). */
  certificateName: string
  hostHeader: string
  /** Path and query, sent byte by byte as they are. */
  path: string
}

export type OutgoingRequest = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE'
  /** Without `allowsHttp` only https is spoken, after redirects as well. */
  to: string | Place
  allowsHttp?: boolean
  headers?: Readonly<Record<string, string>>
  body?: string | Uint8Array | undefined
  /** How long the whole exchange may take, redirects and the last byte of the answer included. */
  timeoutMs: number
  /** How long the server may send nothing within its answer. */
  idleMs?: number
  /** A longer answer is refused. */
  maxBytes: number
  /** Followed for GET and HEAD, to URLs; where absent a redirect is an answer like any other. */
  maxRedirects?: number
  /** Media types of successful answers, `image/*` for all of a kind; others are refused before their bytes are read. */
  accepts?: readonly string[]
  signal?: AbortSignal | undefined
}

type Head = {
  status: number
  headers: Readonly<Record<string, string>>
  /** Where the answer came from, after redirects. */
  url: string
}

export type OutgoingAnswer = Head & { body: Uint8Array }
/** Whoever takes it must read the body to its end, or leave the loop over it. */
export type OutgoingStream = Head & { body: AsyncIterable<Uint8Array> }

/** A service (SRV) record. */
export type ServiceRecord = { name: string; port: number; priority: number; weight: number }

/** The one way to other machines: it reaches public addresses alone, and those that the administrator allows. */
export type Outgoing = {
  /** Rejects with an OutgoingError. */
  fetch(request: OutgoingRequest): Promise<OutgoingAnswer>
  open(request: OutgoingRequest): Promise<OutgoingStream>
  /** Why a request to this https URL is refused for certain; what its name leads to is seen when it is connected to. */
  refusal(url: string): string | undefined
  /** No records where the name has none; rejects with an OutgoingError where that cannot be found out. */
  findServices(name: string): Promise<readonly ServiceRecord[]>
  /** Ends what is under way. */
  close(): Promise<void>
}

/** No whole answer could be had. */
export class OutgoingError extends Error {
  /** Whether it is certain that nothing of the request reached a server: it may be sent elsewhere. */
  readonly isUnsent: boolean

  constructor(message: string, { isUnsent, ...options }: ErrorOptions & { isUnsent: boolean }) {
    super(message, options)
    this.name = 'OutgoingError'
    this.isUnsent = isUnsent
  }
}
