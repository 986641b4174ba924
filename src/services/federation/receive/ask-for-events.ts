import type { Log } from '#base/log.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { isValidEventId, type EventId } from '#protocol/ids.ts'
import { askServer, type RemoteNeeds, type RemoteRequest } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import type { MissingEvents, Source } from './ports.ts'

type Needs = RemoteNeeds & {
  log: Log
  /** Once it aborts, nothing can be had. */
  signal?: AbortSignal
  /** Hears of requests that got no answer, so that the same may be had another time. */
  onOutage?: () => void
}

/** Requests for single events that are under way at once for one event that lacks them. */
const maxAtOnce = 5

const federation = ['_matrix', 'federation', 'v1']

/** Asks the server that sent an event for what is missing here. */
export const askForEvents = (ctx: Needs): MissingEvents => ({
  async fetchEvents({ origin }, ids) {
    const found: JsonValue[] = []
    const waiting = [...ids]
    const fetchNext = async (): Promise<void> => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        const path = [...federation, 'event', id]
        const answer = await ask(ctx, { destination: origin, method: 'GET', path, maxBytes: 262_144 })
        found.push(...arrayOf(answer?.pdus).slice(0, 1))
      }
    }
    await Promise.all(Array.from({ length: maxAtOnce }, fetchNext))
    return found
  },

  async fetchMissing({ origin, roomId }, { earliest, latest, limit }) {
    const answer = await ask(ctx, {
      destination: origin,
      method: 'POST',
      path: [...federation, 'get_missing_events', roomId],
      content: { limit, min_depth: 0, earliest_events: [...earliest], latest_events: [...latest] },
      maxBytes: 10_485_760,
    })
    return arrayOf(answer?.events).slice(0, limit)
  },

  async fetchStateIds({ origin, roomId }: Source, eventId: EventId) {
    const path = [...federation, 'state_ids', roomId]
    const query = { event_id: eventId }
    const request = { destination: origin, method: 'GET', path, query, maxBytes: 67_108_864 } as const
    const answer = await ask(ctx, { ...request, timeoutMs: 60_000 })
    if (!answer || !Array.isArray(answer.pdu_ids)) return undefined
    return { state: idsOf(answer.pdu_ids), authChain: idsOf(answer.auth_chain_ids) }
  },

  async fetchState({ origin, roomId }: Source, eventId: EventId) {
    const path = [...federation, 'state', roomId]
    const query = { event_id: eventId }
    // As for the answer to a join that leaves nothing out.
    const request = { destination: origin, method: 'GET', path, query, maxBytes: 134_217_728 } as const
    const answer = await ask(ctx, { ...request, timeoutMs: 120_000 })
    return [...arrayOf(answer?.pdus), ...arrayOf(answer?.auth_chain)]
  },
})

const arrayOf = (value: JsonValue | undefined): JsonValue[] => (Array.isArray(value) ? value : [])

const idsOf = (value: JsonValue | undefined): EventId[] =>
  arrayOf(value).filter((id): id is EventId => typeof id === 'string' && isValidEventId(id))

/** Whatever goes wrong there, what could not be had is missing, and no more. */
async function ask(ctx: Needs, request: RemoteRequest): Promise<JsonObject | undefined> {
  try {
    if (ctx.signal?.aborted) return void ctx.onOutage?.()
    const answer = await askServer(ctx, ctx.signal ? { ...request, signal: ctx.signal } : request)
    return isObject(answer) ? answer : undefined
  } catch (error) {
    if (!(error instanceof RemoteError)) throw error
    if (error.isOutage) ctx.onOutage?.()
    ctx.log.debug('missing events could not be had', { destination: request.destination, error })
    return undefined
  }
}
