import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Context as Exchange } from 'koa'

/** What is sent for a request; it need not be JSON: a file, a page, a redirect. */
export type Answer = {
  /** 200 when absent. */
  status?: number
  headers?: Record<string, string>
  body?: string | Buffer | Readable
  /** Instead of a body: a text that is sent while it is made. */
  pieces?: AsyncIterable<string>
}

const longText = 65_536
const pieceBytes = 65_536

const jsonHeaders = { 'content-type': 'application/json', 'cache-control': 'no-store' }

/** JSON that is sent while it is made. */
export const piecesAnswer = (pieces: AsyncIterable<string>): Answer => ({ headers: jsonHeaders, pieces })

/** JSON as the body of an answer. */
export function jsonAnswer(text: string, { status = 200, headers }: Omit<Answer, 'body'> = {}): Answer {
  return {
    status,
    headers: { ...headers, ...jsonHeaders },
    // The socket takes a long string in pieces, each at a cost; as bytes it goes at once.
    body: text.length > longText ? Buffer.from(text) : text,
  }
}

/** Sends an answer, of pieces the head alone. What is there as a whole goes past Koa, which would take the headers one by one, at 3 µs more. */
export function sendAnswer(exchange: Exchange, { status = 200, headers = {}, body = '', pieces }: Answer): void {
  if (pieces) {
    exchange.respond = false
    exchange.res.writeHead(status, headers)
    return
  }
  if (body === '' || body instanceof Readable) {
    exchange.status = status
    exchange.set(headers)
    exchange.body = body
    return
  }
  exchange.respond = false
  exchange.res.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  if (typeof body === 'string' || body.length <= longText) exchange.res.end(body)
  else sendInPieces(exchange.res, body)
}

/** Piece after piece, so that it shows how far the client has come; a client that takes nothing is cut off by that. */
function sendInPieces(response: ServerResponse, body: Buffer): void {
  let sent = 0
  const next = () => {
    if (response.destroyed) return
    const piece = body.subarray(sent, sent + pieceBytes)
    sent += piece.length
    if (sent === body.length) response.end(piece)
    else response.write(piece, next)
  }
  next()
}
