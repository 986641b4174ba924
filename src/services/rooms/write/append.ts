import type { Context } from '#context.ts'
import { membershipOf } from '#protocol/events/event.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { Membership } from '#store/rooms/members.ts'
import { buildEvent, selectAuthEvents, type BuiltEvent, type EventDraft } from './build-event.ts'
import type { Appended, AppendNeeds } from './append-needs.ts'
import { commitWrite, type Staged } from './persist-built.ts'
import { loadForwardExtremities } from '#services/rooms/live/load-forward-extremities.ts'
import { loadPdusOf } from '#services/rooms/live/load-state-entries.ts'
import { redactionBy } from './redaction-by.ts'
import { LiveRoom, type StateEntry } from '#services/rooms/live/live-room.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'

/** Adds an event to a room; answers once it is on disk. Throws M_FORBIDDEN where the auth rules refuse it. */
export async function appendEvent(ctx: AppendNeeds, roomId: RoomId, draft: EventDraft): Promise<Appended> {
  const [appended] = await appendEvents(ctx, roomId, [draft])
  if (!appended) throw new Error('An event was staged and lost')
  return appended
}

/** Decides what to add from where the room stands when its turn comes; refusals are thrown. */
export type Drafting = (room: LiveRoom) => Promise<readonly EventDraft[]>

/** Adds events to a room, each built on the one before, all or none of them. */
export function appendEvents(
  ctx: AppendNeeds,
  roomId: RoomId,
  drafts: readonly EventDraft[] | Drafting,
): Promise<Appended[]> {
  return retryWhileStale(async () => {
    const { committed } = await ctx.rooms.inTurn(roomId, async () => {
      const room = await ctx.rooms.get(roomId)
      return await stage(ctx, room, { drafts: typeof drafts === 'function' ? await drafts(room) : drafts })
    })
    return await committed
  })
}

/** Makes a room of its first events, all or none of them; the first must be the create event. */
export async function startRoom(
  ctx: AppendNeeds & Pick<Context, 'config'>,
  { roomId, version, isPublished }: { roomId: RoomId; version: RoomVersion; isPublished?: boolean | undefined },
  drafts: readonly EventDraft[],
): Promise<void> {
  const room = new LiveRoom({
    nid: undefined, roomId, version, revision: 0, forwardExtremities: [], depth: 0, lastPosition: 0, entries: [], members: [], serverName: ctx.config.server_name,
  }) // prettier-ignore
  const { committed } = await stage(ctx, room, { drafts, isPublished })
  await committed
  ctx.rooms.add(room)
}

/** Builds the events on the line and hands them to the writer; the line is ready for the next before they are on disk. */
async function stage(
  ctx: AppendNeeds,
  room: LiveRoom,
  { drafts, isPublished }: { drafts: readonly EventDraft[]; isPublished?: boolean | undefined },
): Promise<{ committed: Promise<Appended[]> }> {
  if (room.version.eventFormat === 'v1') await loadForwardExtremities(ctx, room)
  const base = {
    forwardExtremities: room.forwardExtremities,
    depth: room.depth,
    forwardExtremityPdus: room.forwardExtremityPdus,
  }
  const staged: Staged[] = []
  const answers: (Appended | Staged)[] = []
  try {
    for (const draft of drafts) {
      const authEvents = selectAuthEvents(room, draft)
      const replaced = formerHolder(room, draft)
      await loadPdusOf(ctx, room, [authEvents.create, ...authEvents.authEvents, replaced])
      const same = unchanged(replaced, draft)
      if (same) {
        answers.push(same)
        continue
      }
      const built = buildEvent(room, draft, { authEvents, key: ctx.signingKey, now: ctx.clock.now() })
      const redacting = draft.type === 'm.room.redaction' ? await redactionBy(ctx, room, built.pdu) : undefined
      const one = { ...stagedEvent(built, draft, replaced), ...redacting }
      room.extend(built, one.entry)
      staged.push(one)
      answers.push(one)
    }
  } catch (error) {
    // Nothing was handed to the writer: the line goes back to where it stood.
    room.retract(
      base,
      staged.flatMap(({ entry }) => entry ?? []),
    )
    throw error
  }
  return { committed: commitWrite(ctx, room, { staged, answers, isPublished }) }
}

/** Who holds the place that the draft would take. */
const formerHolder = (room: LiveRoom, { type, stateKey }: EventDraft): StateEntry | undefined =>
  stateKey === undefined ? undefined : room.nextStateEntry(type, stateKey)

/** Setting state to what it is already adds no event. */
function unchanged(replaced: StateEntry | undefined, { sender, content }: EventDraft): Appended | undefined {
  if (!replaced?.pdu || replaced.position === undefined || replaced.pdu.sender !== sender) return undefined
  const same = JSON.stringify(replaced.pdu.content) === JSON.stringify(content)
  return same ? { eventId: replaced.eventId, position: replaced.position } : undefined
}

function stagedEvent(
  { pdu, eventId }: BuiltEvent,
  { transaction }: EventDraft,
  replaced: StateEntry | undefined,
): Staged {
  const { type, state_key: stateKey } = pdu
  const entry: StateEntry | undefined =
    stateKey === undefined ? undefined : { type, stateKey, eventId, from: undefined, position: undefined, pdu }
  const former = type === 'm.room.member' && replaced?.pdu ? (membershipOf(replaced.pdu) as Membership) : undefined
  return { pdu, eventId, position: undefined, entry, isHeld: replaced !== undefined, former, transaction }
}
