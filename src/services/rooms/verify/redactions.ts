import { redactedEventId, type Pdu } from '#protocol/events/event.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import { mayRedact } from '#protocol/events/redaction-permission.ts'
import { redact } from '#protocol/events/redaction.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import { splitPdu } from '#services/rooms/events/stored-pdu.ts'
import type { CachedEvent } from './event-cache.ts'
import type { Replay } from './replay.ts'
import { noEvent } from './state-journal.ts'
import { difference, type Subject } from './subject.ts'

/** Whether redactions have emptied what they name, and whether what is redacted is empty. */
export async function checkRedactions(
  subject: Subject,
  replay: Replay,
  page: readonly CachedEvent[],
): Promise<RowChange[]> {
  const changes: RowChange[] = await checkEarly(subject, page)
  for (const cached of page) {
    if (cached.event.redactedBy !== null) changes.push(...(await checkRedacted(subject, cached)))
    if (cached.event.type === 'm.room.redaction' && cached.event.status === 'accepted')
      changes.push(...(await checkTarget(subject, replay, cached)))
  }
  return changes
}

const emptied = ({ pdu }: CachedEvent, { version }: Subject) => {
  const { clientJson, graphJson } = splitPdu(redact(pdu, version))
  return { client_json: clientJson, graph_json: graphJson }
}

const rowOf = ({ event }: CachedEvent) => ({
  client_json: event.clientJson,
  graph_json: event.graphJson,
  redacted_by: event.redactedBy,
})

/** The event named as the redaction must be one, of this event. */
async function checkRedacted(subject: Subject, cached: CachedEvent): Promise<RowChange[]> {
  const { event } = cached
  const [redaction] = await subject.events.find(event.redactedBy === null ? [] : [event.redactedBy])
  const named = redaction && redactedEventId(redaction.pdu, subject.version)
  // A redaction that was redacted itself need not name its target any more.
  const isReal =
    named === event.eventId || (redaction !== undefined && redaction.event.redactedBy !== null && named === undefined)
  const expected = isReal ? emptied(cached, subject) : { redacted_by: null }
  return difference('events', { event_id: event.eventId }, { stored: rowOf(cached), expected })
}

/** Redactions wait for what they redact as long as it is not here; afterwards it does not matter that they did. */
async function checkEarly({ store, room, version }: Subject, page: readonly CachedEvent[]): Promise<RowChange[]> {
  const rows = await store.rooms.check.earlyRedactions(page.map(({ event }) => event.position))
  const stored = new Map(rows.map((row) => [Number(row.position), row]))
  const targets = new Map(
    page.flatMap(({ event, pdu }) =>
      event.type === 'm.room.redaction' && event.status === 'accepted'
        ? [[event.position, redactedEventId(pdu, version)] as const]
        : [],
    ),
  )
  const known = await store.rooms.check.positionsOf([...targets.values()].filter((id) => id !== undefined))
  return page.flatMap(({ event: { position, redactedBy } }) => {
    const [row, target] = [stored.get(position), targets.get(position)]
    if (targets.has(position) && (target === undefined ? redactedBy !== null : known.has(target))) return []
    // What is purged was here before.
    if (!row && room.purgedUpTo > 0) return []
    const expected = target === undefined ? undefined : { room_nid: room.nid, target_id: target }
    return difference('early_redactions', { position }, { stored: row, expected })
  })
}

async function checkTarget(subject: Subject, replay: Replay, redaction: CachedEvent): Promise<RowChange[]> {
  const id = redactedEventId(redaction.pdu, subject.version)
  const [target] = id === undefined ? [] : await subject.events.find([id])
  if (!target || target.event.redactedBy !== null || target.event.status === 'outlier') return []
  const heldBefore = async (type: string): Promise<Pdu | undefined> => {
    const entry = replay.journal.entryAt(stateKey(type, ''), redaction.event.position - 1)
    return entry === noEvent ? undefined : (await subject.events.at(entry))?.pdu
  }
  const state = { powerLevels: await heldBefore('m.room.power_levels'), create: await heldBefore('m.room.create') }
  const levels = readPowerLevels(state, subject.version)
  if (!mayRedact({ redaction: redaction.pdu, target: target.pdu, levels }, subject.version)) return []
  const expected = { ...emptied(target, subject), redacted_by: redaction.event.eventId }
  return difference('events', { event_id: target.event.eventId }, { stored: rowOf(target), expected })
}
