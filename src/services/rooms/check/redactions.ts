import { redactedEventId, type Pdu } from '#protocol/event.ts'
import { readPowerLevels } from '#protocol/power-levels.ts'
import { mayRedact } from '#protocol/redaction-permission.ts'
import { redact } from '#protocol/redaction.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import type { RowChange } from '#store/room-check.ts'
import { splitPdu } from '../stored-pdu.ts'
import type { Shelved } from './event-shelf.ts'
import type { Replay } from './replay.ts'
import { nobody } from './state-journal.ts'
import { difference, type Subject } from './subject.ts'

/** Whether redactions have emptied what they name, and whether what is redacted is empty. */
export async function checkRedactions(
  subject: Subject,
  replay: Replay,
  page: readonly Shelved[],
): Promise<RowChange[]> {
  const changes: RowChange[] = []
  for (const shelved of page) {
    if (shelved.event.redactedBy !== null) changes.push(...(await checkRedacted(subject, shelved)))
    if (shelved.event.type === 'm.room.redaction' && shelved.event.status === 'accepted')
      changes.push(...(await checkTarget(subject, replay, shelved)))
  }
  return changes
}

const emptied = ({ pdu }: Shelved, { version }: Subject) => {
  const { clientJson, graphJson } = splitPdu(redact(pdu, version))
  return { client_json: clientJson, graph_json: graphJson }
}

const rowOf = ({ event }: Shelved) => ({
  client_json: event.clientJson,
  graph_json: event.graphJson,
  redacted_by: event.redactedBy,
})

/** The event named as the redaction must be one, of this event. */
async function checkRedacted(subject: Subject, shelved: Shelved): Promise<RowChange[]> {
  const { event } = shelved
  const [redaction] = await subject.events.find(event.redactedBy === null ? [] : [event.redactedBy])
  const isReal = redaction !== undefined && redactedEventId(redaction.pdu, subject.version) === event.eventId
  const expected = isReal ? emptied(shelved, subject) : { redacted_by: null }
  return difference('events', { event_id: event.eventId }, { stored: rowOf(shelved), expected })
}

async function checkTarget(subject: Subject, replay: Replay, redaction: Shelved): Promise<RowChange[]> {
  const id = redactedEventId(redaction.pdu, subject.version)
  const [target] = id === undefined ? [] : await subject.events.find([id])
  if (!target || target.event.redactedBy !== null || target.event.status === 'outlier') return []
  const heldBefore = async (type: string): Promise<Pdu | undefined> => {
    const holder = replay.journal.holderAt(stateKey(type, ''), redaction.event.position - 1)
    return holder === nobody ? undefined : (await subject.events.at(holder))?.pdu
  }
  const state = { powerLevels: await heldBefore('m.room.power_levels'), create: await heldBefore('m.room.create') }
  const levels = readPowerLevels(state, subject.version)
  if (!mayRedact({ redaction: redaction.pdu, target: target.pdu, levels }, subject.version)) return []
  const expected = { ...emptied(target, subject), redacted_by: redaction.event.eventId }
  return difference('events', { event_id: target.event.eventId }, { stored: rowOf(target), expected })
}
