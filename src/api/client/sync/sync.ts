import { Type } from '@sinclair/typebox'
import { endpoint, JsonPieces, JsonText } from '#http/endpoint.ts'
import { resolveFilter } from '#services/accounts/data/filters.ts'
import { markPresence } from '#services/presence/presence.ts'
import { sync as answerSync } from '#services/sync/v3/sync.ts'
import { readToken } from '#services/sync/v3/token.ts'

const maxTimeout = 300_000

const Query = Type.Object({
  filter: Type.Optional(Type.String()),
  since: Type.Optional(Type.String()),
  full_state: Type.Optional(Type.Boolean()),
  set_presence: Type.Optional(
    Type.Union([Type.Literal('online'), Type.Literal('unavailable'), Type.Literal('offline')]),
  ),
  timeout: Type.Optional(Type.Integer()),
  use_state_after: Type.Optional(Type.Boolean()),
  'org.matrix.msc4222.use_state_after': Type.Optional(Type.Boolean()),
})

const getSync = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/sync',
  auth: 'user',
  query: Query,
  reply: Type.Object({ next_batch: Type.String() }),
  summary: 'Synchronises the state of a client with what the server holds.',
  spec: 'https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync',
  async handle(ctx, { query, signal }, { userId, deviceId }) {
    const since = query.since === undefined || query.since === '' ? undefined : readToken(query.since)
    const timeout = Math.min(Math.max(query.timeout ?? 0, 0), maxTimeout)
    await markPresence(ctx, { userId, deviceId: deviceId ?? '', state: query.set_presence, staysFor: timeout })
    const answer = await answerSync(ctx, {
      userId,
      deviceId,
      since,
      timeout,
      filter: await resolveFilter(ctx, userId, query.filter),
      fullState: query.full_state ?? false,
      stateAfter: stateAfterName(query),
      signal: signal(),
    })
    return typeof answer === 'string' ? new JsonText(answer) : new JsonPieces(answer)
  },
})

// Clients of today ask by the draft's name and read the answer by that name alone.
const stateAfterName = (query: { use_state_after?: boolean; 'org.matrix.msc4222.use_state_after'?: boolean }) => {
  if (query['org.matrix.msc4222.use_state_after']) return 'org.matrix.msc4222.state_after' as const
  return query.use_state_after ? ('state_after' as const) : undefined
}

export const sync = [getSync]
