import type { IncomingMessage } from 'node:http'
import { OutgoingError } from '#base/outgoing.ts'
import { asOutgoing } from './exchange.ts'

type Limits = { maxBytes: number; idleMs: number; signal: AbortSignal }

/** Why the body of an answer is not read at all, if so. */
export function refusalOf(
  { headers, statusCode = 0 }: IncomingMessage,
  { maxBytes, accepts }: { maxBytes: number; accepts: readonly string[] | undefined },
): string | undefined {
  // Asked for as it is: what is packed small may be without end.
  const coding = headers['content-encoding']
  if (coding !== undefined && coding.trim().toLowerCase() !== 'identity') return 'The answer is compressed'
  if (Number(headers['content-length'] ?? 0) > maxBytes) return 'The answer is too large'
  const [type = ''] = (headers['content-type'] ?? '').toLowerCase().split(';', 1)
  const isAccepted = (accepted: string) =>
    accepted.endsWith('/*') ? type.startsWith(accepted.slice(0, -1)) : type.trim() === accepted
  if (accepts && statusCode >= 200 && statusCode < 300 && !accepts.some(isAccepted))
    return 'The answer is of another media type'
  return undefined
}

/** The bytes of an answer as they come, until there are too many, or none come for too long. */
export async function* limitedBody(response: IncomingMessage, limits: Limits): AsyncGenerator<Uint8Array> {
  const { socket } = response
  let left = limits.maxBytes
  const onIdle = () => {
    // Where bytes wait here, it is our side that takes its time.
    if (response.readableLength === 0) response.destroy(failure('The answer came to a halt'))
  }
  const onAbort = () => response.destroy(asOutgoing(limits.signal.reason, false))
  socket.setTimeout(limits.idleMs).on('timeout', onIdle)
  limits.signal.addEventListener('abort', onAbort, { once: true })
  try {
    if (limits.signal.aborted) onAbort()
    for await (const chunk of response as AsyncIterable<Buffer>) {
      left -= chunk.length
      if (left < 0) throw failure('The answer is too large')
      yield chunk
    }
  } catch (error) {
    throw asOutgoing(error, false)
  } finally {
    socket.off('timeout', onIdle)
    limits.signal.removeEventListener('abort', onAbort)
    response.destroy()
  }
}

const failure = (message: string) => new OutgoingError(message, { isUnsent: false })
