import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import type { EventStatus } from '#store/rooms/events.ts'
import type { BranchWrite, EventWrite, MemberWrite, SpanChange } from '#store/rooms/room-write.ts'
import type { AppendNeeds } from './append-needs.ts'
import { announce } from './commit-write.ts'
import { describeEvent, storedEvent } from '#services/rooms/events/describe-event.ts'
import { indexedAuthIds } from '#services/rooms/events/indexed-auth-ids.ts'
import type { HolderChange, RoomLine } from '#services/rooms/live/room-line.ts'
import { staleRoom } from '#services/rooms/live/stale-room.ts'

/** What an event does to the room's line; nothing where it is not accepted, or finds no room among the heads. */
export type LineStep = {
  heads: EventId[]
  /** State keys that change, the event's own among them; its own holder has no position yet. */
  holders: readonly HolderChange[]
  /** Memberships that follow from the changed keys. */
  members: readonly MemberWrite[]
}

/** An event of another server that was judged, and what follows from it. */
export type Received = {
  pdu: Pdu
  eventId: EventId
  status: EventStatus
  /** The state before it, where that is not the line. */
  branch: BranchWrite | undefined
  /** Its position as an outlier. */
  movesFrom: number | undefined
  step: LineStep | undefined
} & Pick<EventWrite, 'redaction' | 'awaits' | 'redacted'>

/** In place of a position in `holder`: nobody. The store has the same number. */
const nobody = 0

/** Writes an event of another server and takes it into memory; answers its position. The line must have settled. */
export async function commitReceived(ctx: AppendNeeds, line: RoomLine, received: Received): Promise<number> {
  const write = writeOf(line, received)
  const { step } = received
  const lineVersion = line.lineVersion++
  const depth = step ? Math.max(line.depth, received.pdu.depth) : line.depth
  line.inFlight++
  try {
    const written = await ctx.store.eventWriter.write(
      {
        roomId: line.roomId,
        version: line.version.id,
        nid: line.nid,
        lineVersion,
        heads: step?.heads ?? line.heads,
        depth,
        lastPosition: line.lastPosition,
        events: [write],
      },
      ({ nid, positions }) => {
        line.nid = nid
        line.depth = depth
        take(line, received, { write, position: positions[0] ?? 0 })
      },
    )
    if (write.status === 'accepted') announce(ctx, line, [write])
    return written.positions[0] ?? 0
  } catch (error) {
    line.isBroken = true
    throw (await isOvertaken(ctx, received).catch(() => false)) ? staleRoom(error) : error
  } finally {
    line.inFlight--
  }
}

/** Whether the event was stored meanwhile: as an outlier it enters without regard to where the room stands. */
async function isOvertaken({ store }: AppendNeeds, { eventId, movesFrom }: Received): Promise<boolean> {
  const stored = await store.events.find(eventId)
  return stored !== undefined && stored.position !== movesFrom
}

function writeOf(line: RoomLine, received: Received): EventWrite {
  const { pdu, eventId, status, branch, movesFrom, step, redaction, awaits, redacted } = received
  const described = describeEvent({ pdu, eventId })
  return {
    ...described,
    status,
    branch,
    movesFrom,
    authIds: pdu.state_key !== undefined && status !== 'rejected' ? indexedAuthIds(pdu, line.version) : undefined,
    relation: status === 'accepted' && !redacted ? described.relation : undefined,
    spans: step?.holders.map((change) => spanOf(line, change, eventId)) ?? [],
    memberships: step?.members ?? [],
    redaction,
    awaits,
    redacted,
  }
}

function spanOf(line: RoomLine, { type, stateKey, holder }: HolderChange, own: EventId): SpanChange {
  const span = { type, stateKey, isHeld: line.holder(type, stateKey) !== undefined }
  return holder?.eventId === own ? span : { ...span, holder: holder?.position ?? nobody }
}

type Taken = { write: EventWrite; position: number }

function take(
  line: RoomLine,
  { eventId, status, step, redaction, redacted }: Received,
  { write, position }: Taken,
): void {
  if (status !== 'accepted') return
  const event = storedEvent(line, write, position)
  for (const { holder } of step?.holders ?? []) {
    if (!holder) continue
    holder.from = position
    if (holder.eventId === eventId) holder.position = position
  }
  line.commit(event, undefined, undefined)
  if (step) {
    line.heads = step.heads
    const isPlain = step.holders.every(({ holder }) => holder?.eventId === eventId)
    line.merge(event, { ...step, isPlain: isPlain && (write.stateKey === null) === (step.holders.length === 0) })
  } else if (write.stateKey !== null) line.merge(event, { holders: [], members: [], isPlain: false })
  if (redaction) line.redact({ ...redaction, redactedBy: eventId })
  if (redacted) line.redact({ ...redacted, eventId, redactedBy: redacted.by })
}
