import { membersMissing } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { membershipOf, type Pdu } from '#protocol/events/event.ts'
import { addSignature } from '#protocol/events/hash-and-sign.ts'
import type { EventId, RoomId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import type { Membership } from '#store/rooms/members.ts'
import type { EventWrite } from '#store/rooms/room-write.ts'
import { authEventIdsWithCreate, describeUnsigned, membershipsOf } from '#services/rooms/events/describe-event.ts'
import { commitEvents, type Uncommitted } from '#services/rooms/live/commit-events.ts'
import type { LiveRoom, LockedRoom } from '#services/rooms/live/live-room.ts'
import type { StateEntry } from '#services/rooms/live/state-entry.ts'
import { loadForwardExtremities, loadPdusOf } from '#services/rooms/live/load-state-entries.ts'
import { retryWhileStale } from '#services/rooms/live/stale-room.ts'
import { authorizeEvent, buildEvent, hashNewEvent, selectAuthEvents, type EventDraft } from './build-event.ts'
import { makeDeactivatedLeave } from './deactivated-accounts.ts'
import type { SignByPolicy } from './policy-port.ts'
import { redactionBy } from './redactions.ts'
import { graphJsonOf } from '#services/rooms/events/stored-pdu.ts'

/** The effects that adding an event to a room has. */
export type AppendNeeds = Pick<
  Context,
  'store' | 'clock' | 'bus' | 'rooms' | 'sentTransactions' | 'signingKey' | 'eventSigner' | 'tokens'
> & {
  /** Absent: no room is taken to use a Policy Server. */
  signByPolicy?: SignByPolicy
}

/** An event on disk. */
export type Appended = { eventId: EventId; position: number }

/** Decides what to add from where the room is when its turn comes; refusals are thrown. */
export type Drafting = (room: LiveRoom) => Promise<readonly EventDraft[]>

/** Adds an event to a room; answers once it is on disk. Throws M_FORBIDDEN where the auth rules refuse it. */
export async function appendEvent(ctx: AppendNeeds, roomId: RoomId, draft: EventDraft): Promise<Appended> {
  const [appended] = await appendEvents(ctx, roomId, [draft])
  if (!appended) throw new Error('An event was built and lost')
  return appended
}

/** Adds events to a room, each built on the one before, all or none of them. The steps of writing an event, in order. */
export function appendEvents(
  ctx: AppendNeeds,
  roomId: RoomId,
  drafts: readonly EventDraft[] | Drafting,
): Promise<Appended[]> {
  // 10. Where another process wrote to the room meanwhile, begin again.
  return retryWhileStale(() =>
    // 1. Wait for the room's turn.
    ctx.rooms.inTurn(roomId, async (turn) => {
      // 2. Read what the next event builds on, and decide what to write.
      const room = await turn.room()
      const wanted = typeof drafts === 'function' ? await drafts(room) : drafts
      // 3. to 7. Build each event on the one before.
      const batch = await buildOn(ctx, room, wanted)
      // 8. Hand them to the event writer; others build on them before they are on disk.
      const appended = commitBuilt(ctx, room, { batch })
      turn.end()
      // 9. Once they are on disk and in memory, and whom they concern is woken, answer.
      return appended
    }),
  )
}

/** Makes a room of its first events, all or none of them; the first must be the create event. */
export function startRoom(
  ctx: AppendNeeds & Pick<Context, 'config'>,
  { roomId, version, isPublished }: { roomId: RoomId; version: RoomVersion; isPublished?: boolean | undefined },
  drafts: readonly EventDraft[],
): Promise<void> {
  return ctx.rooms.inTurn(roomId, async (turn) => {
    const room = turn.newRoom({ version, serverName: ctx.config.server_name, isPlaceholder: false })
    await commitBuilt(ctx, room, { batch: await buildOn(ctx, room, drafts), isPublished })
    turn.add(room)
  })
}

/** An event that is built, authorized and laid over the room. */
type Built = { pdu: Pdu; eventId: EventId; entry: StateEntry | undefined; uncommitted: Uncommitted }

/** For each draft, in order, the event that was built, or the one that says the same already. */
type Batch = readonly (Built | Appended)[]

const isBuilt = (one: Built | Appended): one is Built => 'uncommitted' in one

async function buildOn(ctx: AppendNeeds, room: LockedRoom, drafts: readonly EventDraft[]): Promise<Batch> {
  if (room.version.eventFormat === 'v1') await loadForwardExtremities(ctx, room)
  const { forwardExtremities, depth, forwardExtremityPdus } = room
  const batch: (Built | Appended)[] = []
  try {
    for (const draft of drafts) batch.push(await buildNext(ctx, room, draft))
    return batch
  } catch (error) {
    // Nothing was handed to the writer: the room goes back to where it was.
    const entries = batch.filter(isBuilt).flatMap(({ entry }) => entry ?? [])
    room.retract({ forwardExtremities, depth, forwardExtremityPdus }, entries)
    throw error
  }
}

async function buildNext(ctx: AppendNeeds, room: LockedRoom, draft: EventDraft): Promise<Built | Appended> {
  // 3. Choose the auth events. State that is set already needs no event.
  const authEvents = selectAuthEvents(room, draft)
  const replaced = draft.stateKey === undefined ? undefined : room.nextStateEntry(draft.type, draft.stateKey)
  // A member whom a join left out is not known to be none.
  if (room.isPartial && draft.type === 'm.room.member' && !replaced) throw membersMissing()
  await loadPdusOf(ctx, room, [authEvents.create, ...authEvents.authEvents, replaced])
  const same = unchanged(replaced, draft)
  if (same) return same
  // 4. Build the event on the forward extremities.
  const event = buildEvent(room, draft, { authEvents, now: ctx.clock.now() })
  // 5. Hash and name it: the next event can build on it before it is signed.
  const hashed = hashNewEvent(event, room.version, ctx.signingKey)
  // 6. Authorize it, by the state before it, and by the room's Policy Server.
  authorizeEvent(room, hashed, authEvents)
  const { pdu, eventId } = hashed
  const signing = ctx.eventSigner.sign(hashed.text).then((one) => addSignature(pdu, ctx.signingKey, one))
  if (ctx.signByPolicy && room.nextStateEntry('m.room.policy', '')) {
    await signing
    await ctx.signByPolicy(room, { pdu })
  }
  const redaction = draft.type === 'm.room.redaction' ? await redactionBy(ctx, room, pdu) : {}
  // 7. Lay it over the room: the next event builds on it at once.
  const entry: StateEntry | undefined =
    draft.stateKey === undefined
      ? undefined
      : { type: draft.type, stateKey: draft.stateKey, eventId, from: undefined, position: undefined, pdu }
  room.extend({ eventId, pdu }, entry)
  const write: Signable = {
    ...writeOf({ pdu, eventId, entry }, room, replaced),
    transaction: draft.transaction,
    ...redaction,
  }
  // It is written once it is signed.
  const signed = signing.then(() => void (write.graphJson = graphJsonOf(pdu)))
  return { pdu, eventId, entry, uncommitted: { write, change: changeOf(write, entry), signed } }
}

/** An event whose signature is on its way. */
type Signable = Omit<EventWrite, 'graphJson'> & { graphJson: string }

/** Setting state to what it is already adds no event. */
function unchanged(replaced: StateEntry | undefined, { sender, content }: EventDraft): Appended | undefined {
  if (!replaced?.pdu || replaced.position === undefined || replaced.pdu.sender !== sender) return undefined
  const same = JSON.stringify(replaced.pdu.content) === JSON.stringify(content)
  return same ? { eventId: replaced.eventId, position: replaced.position } : undefined
}

const writeOf = (
  { pdu, eventId, entry }: Pick<Built, 'pdu' | 'eventId' | 'entry'>,
  { version }: LiveRoom,
  replaced: StateEntry | undefined,
): Signable => ({
  ...describeUnsigned({ pdu, eventId }),
  graphJson: '',
  status: 'accepted',
  intervals: entry ? [{ type: entry.type, stateKey: entry.stateKey, isHeld: replaced !== undefined }] : [],
  authIds: entry && authEventIdsWithCreate(pdu, version),
  memberships: entry ? membershipsOf(pdu).map((member) => ({ ...member, previous: previousMembership(replaced) })) : [],
})

/** Of a member event: the membership before it, committed or waiting as well. */
const previousMembership = (replaced: StateEntry | undefined): Membership | undefined =>
  replaced?.pdu && (membershipOf(replaced.pdu) as Membership)

const changeOf = (
  { eventId, memberships = [], redaction }: EventWrite,
  entry: StateEntry | undefined,
): Uncommitted['change'] => ({
  entries: entry ? [{ type: entry.type, stateKey: entry.stateKey, entry }] : [],
  members: memberships,
  isPlain: true,
  redacted: redaction ? [{ ...redaction, redactedBy: eventId }] : [],
})

/** Writes the events; answers the event of each draft. */
async function commitBuilt(
  ctx: AppendNeeds,
  room: LockedRoom,
  { batch, isPublished }: { batch: Batch; isPublished?: boolean | undefined },
): Promise<Appended[]> {
  const events = batch.filter(isBuilt).map(({ uncommitted }) => uncommitted)
  if (events.length === 0) return batch.filter((one): one is Appended => !isBuilt(one))
  const positions = await commitEvents(ctx, room, { events, isPublished })
  await makeDeactivatedLeave(ctx, events.map(({ write }) => write)) // prettier-ignore
  let next = 0
  return batch.map((one) => (isBuilt(one) ? { eventId: one.eventId, position: positions[next++] ?? 0 } : one))
}
