import { randomUUID } from 'node:crypto'
import type { JsonObject, Pdu } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import { authorizationHeader } from '#protocol/request-signature.ts'
import { keyOf } from '../../spec-tests/support/generators/server-keys.ts'
import type { Ask, HttpClient } from '../support/http-client.ts'

type Parties = { origin: ServerName; destination: ServerName }

/** A signed transaction, ready to be sent. */
export function transactionOf(pdus: readonly Pdu[], { origin, destination }: Parties): Ask {
  const path = `/_matrix/federation/v1/send/${randomUUID()}`
  const body = { origin, origin_server_ts: Date.now(), pdus: pdus as unknown as JsonObject[] }
  const request = { method: 'PUT', uri: path, origin, destination, content: body }
  return { method: 'PUT', path, body, authorization: authorizationHeader(request, keyOf(origin)) }
}

/** Throws where any of the events was refused. */
export async function deliver(http: HttpClient, transaction: Ask): Promise<void> {
  const { status, body } = await http.ask(transaction)
  const results = Object.values((body['pdus'] ?? {}) as Record<string, { error?: string }>)
  const refused = results.find(({ error }) => error !== undefined)
  if (status !== 200 || refused) throw new Error(`A transaction was answered ${status}: ${refused?.error}`)
}
