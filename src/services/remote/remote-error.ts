import { MatrixError } from '#base/errors.ts'
import type { ServerName } from '#protocol/ids.ts'

/** Another server refused a request, or could not be asked. */
export class RemoteError extends Error {
  readonly destination: ServerName
  /** Of its answer; undefined where there was none that could be read. */
  readonly status: number | undefined
  readonly errcode: string | undefined
  /** The body of its answer, where that is an object. */
  readonly fields: Readonly<Record<string, unknown>>

  constructor(
    destination: ServerName,
    message: string,
    refusal: Partial<Pick<RemoteError, 'status' | 'errcode' | 'fields'>> & ErrorOptions = {},
  ) {
    // prettier-ignore
    super(message, refusal.cause === undefined ? undefined : { cause: refusal.cause })
    this.name = 'RemoteError'
    this.destination = destination
    this.status = refusal.status
    this.errcode = refusal.errcode
    this.fields = refusal.fields ?? {}
  }

  /** Whether the server understood and said no: asking again would change nothing. */
  get isRefusal(): boolean {
    return this.status !== undefined && this.status >= 400 && this.status < 500 && this.status !== 429
  }

  /** Whether a homeserver refused, as opposed to what may stand in its place while it is down. */
  get isFromServer(): boolean {
    return this.isRefusal && this.errcode !== undefined
  }

  /** Whether nothing answered, or what answered cannot serve now. */
  get isOutage(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500
  }

  /** What our client is answered: the refusal as it came, or that the server cannot be reached. */
  toClientError(): MatrixError {
    if (this.isRefusal && this.errcode !== undefined)
      return new MatrixError(this.status ?? 400, this.errcode, this.message)
    return new MatrixError(502, 'M_UNKNOWN', `${this.destination} cannot be asked: ${this.message}`)
  }
}
