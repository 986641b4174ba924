import type { Context } from '#context.ts'
import type { Pdu } from '#protocol/events/event.ts'
import { serverOf, type EventId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'
import type { EventTransaction } from '#store/rooms/events.ts'
import type { Appended, AppendNeeds } from './append-needs.ts'
import type { Holder, RoomLine } from '#services/rooms/live/room-line.ts'
import { indexedAuthIds } from '#services/rooms/events/indexed-auth-ids.ts'
import { describeEvent, membershipsOf, storedEvent } from '#services/rooms/events/describe-event.ts'

/** An event that is built and authorized and waits for its commit. */
export type Staged = {
  pdu: Pdu
  eventId: EventId
  /** Set by its commit. */
  position: number | undefined
  /** Set on state events. */
  holder: Holder | undefined
  /** Whether somebody held the key before, committed or waiting as well. */
  isHeld: boolean
  transaction: EventTransaction | undefined
  /** The event it redacts, as it will stand. */
  redaction?: EventWrite['redaction']
  awaits?: EventWrite['awaits']
}

type Batch = {
  staged: readonly Staged[]
  answers: readonly (Appended | Staged)[]
  /** Of a new room. */
  isPublished?: boolean | undefined
}

/** Hands events to the writer, takes them into memory once they are on disk, and wakes whom they concern. */
export async function commitWrite(ctx: AppendNeeds, line: RoomLine, batch: Batch): Promise<Appended[]> {
  const writing = batch.staged.length === 0 ? undefined : write(ctx, line, batch)
  if (writing) line.lastWrite = writing.catch(() => {})
  await writing
  return batch.answers.map(({ eventId, position = 0 }) => ({ eventId, position }))
}

async function write(ctx: AppendNeeds, line: RoomLine, { staged, isPublished }: Batch): Promise<void> {
  const events = staged.map((one) => eventWrite(one, line.version))
  const lineVersion = line.lineVersion++
  line.inFlight++
  try {
    await ctx.store.eventWriter.write(
      {
        roomId: line.roomId,
        version: line.version.id,
        nid: line.nid,
        lineVersion,
        heads: line.heads,
        depth: line.depth,
        lastPosition: line.lastPosition,
        isPublished,
        events,
      },
      ({ nid, positions }) => {
        line.nid = nid
        staged.forEach((one, index) =>
          take(line, one, { write: events[index] as EventWrite, position: positions[index] ?? 0 }),
        )
      },
    )
    announce(ctx, line, events)
  } catch (error) {
    line.isBroken = true
    throw error
  } finally {
    line.inFlight--
  }
}

/** Makes a committed event visible to readers. */
function take(line: RoomLine, staged: Staged, { write, position }: { write: EventWrite; position: number }): void {
  staged.position = position
  line.commit(storedEvent(line, write, position), staged.holder, write.memberships?.[0])
  if (staged.redaction) line.redact({ ...staged.redaction, redactedBy: staged.eventId })
}

/** Wakes this server's users whom a change of the room concerns: its members, and those whose membership changed. */
export function announce(
  ctx: Pick<Context, 'bus' | 'signingKey'>,
  line: RoomLine,
  events: readonly Pick<EventWrite, 'memberships'>[],
): void {
  const concerned = [...line.localUsers]
  for (const { memberships = [] } of events)
    for (const { userId } of memberships) if (serverOf(userId) === ctx.signingKey.serverName) concerned.push(userId)
  ctx.bus.publish('wake', concerned)
  ctx.bus.publish('events', { roomId: line.roomId, position: line.lastPosition })
}

function eventWrite(
  { pdu, eventId, holder, isHeld, transaction, redaction, awaits }: Staged,
  version: RoomVersion,
): EventWrite {
  return {
    ...describeEvent({ pdu, eventId }),
    status: 'accepted',
    spans: holder ? [{ type: holder.type, stateKey: holder.stateKey, isHeld }] : [],
    authIds: holder && indexedAuthIds(pdu, version),
    memberships: holder ? membershipsOf(pdu) : [],
    transaction,
    redaction,
    awaits,
  }
}
