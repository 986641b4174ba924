import type { Context } from '#context.ts'
import type { RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/room-version.ts'
import { buildEvent, keysToLoad, type BuiltEvent, type EventDraft } from './build-event.ts'
import type { Appended, AppendNeeds } from './append-needs.ts'
import { commitWrite, type Staged } from './commit-write.ts'
import { loadHeads } from './load-heads.ts'
import { loadHolders } from './load-holders.ts'
import { redactionBy } from './redaction-by.ts'
import { RoomLine, type Holder } from './room-line.ts'
import { retryWhileStale } from './stale-room.ts'

/** Adds an event to a room; answers once it is on disk. Throws M_FORBIDDEN where the auth rules refuse it. */
export async function appendEvent(ctx: AppendNeeds, roomId: string, draft: EventDraft): Promise<Appended> {
  const [appended] = await appendEvents(ctx, roomId, [draft])
  if (!appended) throw new Error('An event was staged and lost')
  return appended
}

/** Decides what to add from where the room stands when its turn comes; refusals are thrown. */
export type Drafting = (line: RoomLine) => Promise<readonly EventDraft[]>

/** Adds events to a room, each built on the one before, all or none of them. */
export async function appendEvents(
  ctx: AppendNeeds,
  roomId: string,
  drafts: readonly EventDraft[] | Drafting,
): Promise<Appended[]> {
  return retryWhileStale(async () => {
    const { committed } = await ctx.rooms.inTurn(roomId, async () => {
      const line = await ctx.rooms.get(roomId)
      return stage(ctx, line, typeof drafts === 'function' ? await drafts(line) : drafts)
    })
    return committed
  })
}

/** Makes a room of its first events, all or none of them; the first must be the create event. */
export async function startRoom(
  ctx: AppendNeeds & Pick<Context, 'config'>,
  { roomId, version }: { roomId: RoomId; version: RoomVersion },
  drafts: readonly EventDraft[],
): Promise<RoomLine> {
  const line = new RoomLine({
    nid: undefined, roomId, version, lineVersion: 0, heads: [], depth: 0, lastPosition: 0, holders: [], members: [], serverName: ctx.config.server_name,
  }) // prettier-ignore
  const { committed } = await stage(ctx, line, drafts)
  await committed
  ctx.rooms.add(line)
  return line
}

/** Builds the events on the line and hands them to the writer; the line is ready for the next before they are on disk. */
async function stage(
  ctx: AppendNeeds,
  line: RoomLine,
  drafts: readonly EventDraft[],
): Promise<{ committed: Promise<Appended[]> }> {
  if (line.version.eventFormat === 'v1') await loadHeads(ctx, line)
  const base = { heads: line.heads, depth: line.depth, headPdus: line.headPdus }
  const staged: Staged[] = []
  const answers: (Appended | Staged)[] = []
  try {
    for (const draft of drafts) {
      await loadHolders(ctx, line, [...keysToLoad(draft, line), ...ownKey(draft)])
      const same = unchanged(line, draft)
      if (same) {
        answers.push(same)
        continue
      }
      const built = buildEvent(line, draft, { key: ctx.signingKey, now: ctx.clock.now() })
      const one = await prepare(ctx, line, { draft, built })
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
  return { committed: commitWrite(ctx, line, { staged, answers }) }
}

const ownKey = ({ type, stateKey }: EventDraft): [string, string][] =>
  stateKey === undefined ? [] : [[type, stateKey]]

/** Setting state to what it is already adds no event. */
function unchanged(line: RoomLine, { type, stateKey, sender, content }: EventDraft): Appended | undefined {
  if (stateKey === undefined) return undefined
  const holder = line.nextHolder(type, stateKey)
  if (!holder?.pdu || holder.position === undefined || holder.pdu.sender !== sender) return undefined
  const same = JSON.stringify(holder.pdu.content) === JSON.stringify(content)
  return same ? { eventId: holder.eventId, position: holder.position } : undefined
}

async function prepare(
  ctx: AppendNeeds,
  line: RoomLine,
  { draft, built: { pdu, eventId } }: { draft: EventDraft; built: BuiltEvent },
): Promise<Staged> {
  const holder: Holder | undefined =
    pdu.state_key === undefined
      ? undefined
      : { type: pdu.type, stateKey: pdu.state_key, eventId, from: undefined, position: undefined, pdu }
  return {
    pdu,
    eventId,
    holder,
    isHeld: holder !== undefined && line.nextHolder(holder.type, holder.stateKey) !== undefined,
    transaction: draft.transaction,
    ...(pdu.type === 'm.room.redaction' && (await redactionBy(ctx, line, pdu))),
  }
}
