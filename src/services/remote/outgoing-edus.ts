import { edusQueued } from '#bus/topics.ts'
import type { Config } from '#base/config/schema.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isValidServerName, type ServerName } from '#protocol/ids.ts'
import { canonicalJson, CanonicalJsonError } from '#protocol/json/canonical-json.ts'
import type { Bus } from '#bus/bus.ts'
import type { Transaction } from '#store/open.ts'

export type NewEdu = {
  destination: ServerName
  type: string
  content: JsonObject
  /** A later EDU with the same key takes the place of one that still waits, at the end of the queue. */
  key?: string
}

/** One EDU larger than this is not sent: no transaction would take it. */
const maxEduBytes = 1_048_576

/**
 * Puts EDUs into the durable queues of their servers, in their order, in the transaction of what they are about. Each
 * is sent until the server has acknowledged it: one that crashed meanwhile, or went back to a backup from before it
 * acknowledged, gets it again, in a transaction of the same id where nothing changed; it may come twice, never too late.
 *
 * A queue that holds `limits.outgoing_edu_bytes_per_server` takes nothing more: what waits keeps its order, and what is
 * refused is answered, so that the caller can tell its client; so is what no request can bear. To be announced after the commit (`announceEdus`).
 */
export async function enqueueEdus(
  { config }: { config: Config },
  tx: Transaction,
  edus: readonly NewEdu[],
): Promise<{ refused: NewEdu[] }> {
  const waiting = await tx.federation.outgoingEdus.bytesOf([...new Set(edus.map(({ destination }) => destination))])
  const taken = new Map<string, NewEdu & { text: string }>()
  const refused: NewEdu[] = []
  for (const edu of edus) {
    const text = JSON.stringify(edu.content)
    const bytes = (waiting.get(edu.destination) ?? 0) + Buffer.byteLength(text)
    const isTooMuch = Buffer.byteLength(text) > maxEduBytes || bytes > config.limits.outgoing_edu_bytes_per_server
    if (isTooMuch || !isSendable(edu, config)) refused.push(edu)
    else {
      waiting.set(edu.destination, bytes)
      const name = JSON.stringify([edu.destination, edu.key ?? taken.size, edu.key !== undefined])
      taken.delete(name)
      taken.set(name, { ...edu, text })
    }
  }
  if (taken.size === 0) return { refused }
  const last = await tx.streams.next('outgoing_edus', taken.size)
  const first = last - taken.size + 1
  await tx.federation.destinations.add([...new Set([...taken.values()].map(({ destination }) => destination))])
  await tx.federation.outgoingEdus.add(
    [...taken.values()].map(({ destination, type, text, key }, index) => ({
      position: first + index,
      serverName: destination,
      type,
      content: text,
      key,
    })),
  )
  return { refused }
}

/** What is for no other server or cannot be signed could never be sent, and would keep up what comes after it. */
function isSendable({ destination, content }: NewEdu, { server_name: own }: Config): boolean {
  if (destination === own || !isValidServerName(destination)) return false
  try {
    canonicalJson(content, 'as-sent')
    return true
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false
    throw error
  }
}

/** Wakes the queues of these servers; to be called after the commit. */
export function announceEdus({ bus }: { bus: Bus }, destinations: Iterable<ServerName>): void {
  bus.publish(edusQueued, { destinations: [...new Set(destinations)] })
}
