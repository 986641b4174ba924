import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { buildEvent, groundsOf, type BuiltEvent, type EventDraft } from './build-event.ts'
import type { Appended, AppendNeeds } from './append-needs.ts'
import { commitWrite, type Staged } from './commit-write.ts'
import { loadHeads } from '#services/rooms/live/load-heads.ts'
import { loadPdusOf } from '#services/rooms/live/load-holders.ts'
import { redactionBy } from './redaction-by.ts'
import { RoomLine, type Holder } from '#services/rooms/live/room-line.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'

/** Adds an event to a room; answers once it is on disk. Throws M_FORBIDDEN where the auth rules refuse it. */
export async function appendEvent(ctx: AppendNeeds, roomId: string, draft: EventDraft): Promise<Appended> {
  const [appended] = await appendEvents(ctx, roomId, [draft])
  if (!appended) throw new Error('An event was staged and lost')
  return appended
}

/** Decides what to add from where the room stands when its turn comes; refusals are thrown. */
export type Drafting = (line: RoomLine) => Promise<readonly EventDraft[]>

/** Adds events to a room, each built on the one before, all or none of them. */
export function appendEvents(
  ctx: AppendNeeds,
  roomId: string,
  drafts: readonly EventDraft[] | Drafting,
): Promise<Appended[]> {
  return retryWhileStale(async () => {
    const { committed } = await ctx.rooms.inTurn(roomId, async () => {
      const line = await ctx.rooms.get(roomId)
      return await stage(ctx, line, { drafts: typeof drafts === 'function' ? await drafts(line) : drafts })
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
  const line = new RoomLine({
    nid: undefined, roomId, version, lineVersion: 0, heads: [], depth: 0, lastPosition: 0, holders: [], members: [], serverName: ctx.config.server_name,
  }) // prettier-ignore
  const { committed } = await stage(ctx, line, { drafts, isPublished })
  await committed
  ctx.rooms.add(line)
}

/** Builds the events on the line and hands them to the writer; the line is ready for the next before they are on disk. */
async function stage(
  ctx: AppendNeeds,
  line: RoomLine,
  { drafts, isPublished }: { drafts: readonly EventDraft[]; isPublished?: boolean | undefined },
): Promise<{ committed: Promise<Appended[]> }> {
  if (line.version.eventFormat === 'v1') await loadHeads(ctx, line)
  const base = { heads: line.heads, depth: line.depth, headPdus: line.headPdus }
  const staged: Staged[] = []
  const answers: (Appended | Staged)[] = []
  try {
    for (const draft of drafts) {
      const grounds = groundsOf(line, draft)
      const former = formerHolder(line, draft)
      await loadPdusOf(ctx, line, [grounds.create, ...grounds.cited, former])
      const same = unchanged(former, draft)
      if (same) {
        answers.push(same)
        continue
      }
      const built = buildEvent(line, draft, { grounds, key: ctx.signingKey, now: ctx.clock.now() })
      const redacting = draft.type === 'm.room.redaction' ? await redactionBy(ctx, line, built.pdu) : undefined
      const one = { ...stagedEvent(built, draft, former), ...redacting }
      line.extend(built, one.holder)
      staged.push(one)
      answers.push(one)
    }
  } catch (error) {
    // Nothing was handed to the writer: the line goes back to where it stood.
    line.retract(
      base,
      staged.flatMap(({ holder }) => holder ?? []),
    )
    throw error
  }
  return { committed: commitWrite(ctx, line, { staged, answers, isPublished }) }
}

/** Who holds the place that the draft would take. */
const formerHolder = (line: RoomLine, { type, stateKey }: EventDraft): Holder | undefined =>
  stateKey === undefined ? undefined : line.nextHolder(type, stateKey)

/** Setting state to what it is already adds no event. */
function unchanged(former: Holder | undefined, { sender, content }: EventDraft): Appended | undefined {
  if (!former?.pdu || former.position === undefined || former.pdu.sender !== sender) return undefined
  const same = JSON.stringify(former.pdu.content) === JSON.stringify(content)
  return same ? { eventId: former.eventId, position: former.position } : undefined
}

function stagedEvent({ pdu, eventId }: BuiltEvent, { transaction }: EventDraft, former: Holder | undefined): Staged {
  const { type, state_key: stateKey } = pdu
  const holder: Holder | undefined =
    stateKey === undefined ? undefined : { type, stateKey, eventId, from: undefined, position: undefined, pdu }
  return { pdu, eventId, position: undefined, holder, isHeld: former !== undefined, transaction }
}
