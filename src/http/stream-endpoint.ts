import type { Readable } from 'node:stream'
import type { Static, TObject, TSchema } from '@sinclair/typebox'
import type { Context } from '#context.ts'
import { erase, type Declared, type Endpoint, type Received } from './endpoint.ts'
import type { Auth, Requesters } from './requester.ts'
import type { Answer } from './send-answer.ts'

type Parts<P extends TObject, Q extends TObject, B extends TSchema, A extends Auth> = Declared<P, Q, B, A> & {
  handle(
    ctx: Context,
    received: Received<Static<P>, Static<Q>, Static<B>> & {
      /** The body as it arrives, unread unless `body` is declared. */
      stream: Readable
      /** The same as a whole, within `maxBody`. */
      wholeBody(): Promise<Buffer>
    },
    requester: Requesters[A],
  ): Promise<Answer>
}

/** Makes an endpoint that reads raw bytes or answers them; typed like `endpoint`. */
export function streamEndpoint<
  A extends Auth,
  P extends TObject = TObject<Record<never, never>>,
  Q extends TObject = TObject<Record<never, never>>,
  B extends TSchema = TObject<Record<never, never>>,
>(parts: Parts<P, Q, B, A>): Endpoint {
  return { ...erase(parts), kind: 'stream', reply: undefined, handle: parts.handle as Endpoint['handle'] }
}
