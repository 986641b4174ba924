import type { Readable } from 'node:stream'
import type { Static, TObject, TSchema } from '@sinclair/typebox'
import type { BodySize } from './body-sizes.ts'
import type { BucketName } from '#base/rate-bucket.ts'
import type { Context } from '#context.ts'
import type { Auth, Requesters } from './requester.ts'
import { storableText } from './storable-text.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'

/** What a handler receives besides the context and the requester. */
export type Received<P, Q, B> = {
  params: P
  query: Q
  body: B
  ip: string
  userAgent: string
  /** Makes one that aborts when the client goes away or the server stops: long polls end then. */
  signal(): AbortSignal
}

/** A reply whose JSON is already text: hot answers skip a second stringify. */
export class JsonText {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** A reply that is sent while it is made: pieces of one JSON text, which is never in memory as a whole. */
export class JsonPieces {
  readonly pieces: AsyncIterable<string>
  constructor(pieces: AsyncIterable<string>) {
    this.pieces = pieces
  }
}

/** What every kind of endpoint declares. */
export type Declared<P extends TObject, Q extends TObject, B extends TSchema, A extends Auth> = {
  method: Method
  /** One path, or several with the same meaning; parameters as `:name`. */
  path: string | readonly string[]
  auth: A
  /** A named rate-limit bucket of the configuration. */
  limit?: BucketName
  /** Which limit of the configuration holds for its body; `small` when absent. */
  maxBody?: BodySize
  params?: P
  query?: Q
  /** Absent: no body is read as JSON. An empty body counts as {}. */
  body?: B
  /** What the OpenAPI document says in one sentence. */
  summary: string
  /** Its section in https://spec.matrix.org/v1.19/ (`client-server-api/#...`), a URL, or a file of ours (`docs/...`). */
  spec: string
}

type Parts<P extends TObject, Q extends TObject, B extends TSchema, R extends TSchema, A extends Auth> = Declared<
  P,
  Q,
  B,
  A
> & {
  reply: R
  handle(
    ctx: Context,
    received: Received<Static<P>, Static<Q>, Static<B>>,
    requester: Requesters[A],
  ): Promise<Static<R> | JsonText | JsonPieces>
}

/** An endpoint with its types erased: the shape the route table, the OpenAPI document and the kernel work on. */
export type Endpoint = {
  /** `stream`: the handler reads the body and makes the answer itself. */
  kind: 'json' | 'stream'
  method: Method
  paths: readonly string[]
  /** Older spellings of the paths, from the table of aliases. */
  aliases: readonly string[]
  auth: Auth
  limit: BucketName | undefined
  maxBody: BodySize
  params: TObject | undefined
  query: TObject | undefined
  body: TSchema | undefined
  reply: TSchema | undefined
  summary: string
  spec: string
  handle(ctx: Context, received: AnyReceived, requester: unknown): Promise<unknown>
}

export type AnyReceived = Received<unknown, unknown, unknown> & { stream: Readable; wholeBody(): Promise<Buffer> }

/** Makes an endpoint; types of the handler follow from its schemas and its `auth`. */
export function endpoint<
  R extends TSchema,
  A extends Auth,
  P extends TObject = TObject<Record<never, never>>,
  Q extends TObject = TObject<Record<never, never>>,
  B extends TSchema = TObject<Record<never, never>>,
>(parts: Parts<P, Q, B, R, A>): Endpoint {
  return { ...erase(parts), kind: 'json', reply: parts.reply, handle: parts.handle as Endpoint['handle'] }
}

/** The declaration without its types; `handle` and `reply` are the caller's. */
export function erase<P extends TObject, Q extends TObject, B extends TSchema, A extends Auth>(
  declared: Declared<P, Q, B, A>,
): Omit<Endpoint, 'kind' | 'reply' | 'handle'> {
  const { method, path, auth, limit, maxBody = 'small', params, query, summary, spec } = declared
  const paths = typeof path === 'string' ? [path] : path
  const body = declared.body && storableText(declared.body)
  return { method, paths, aliases: [], auth, limit, maxBody, params, query, body, summary, spec }
}
