import { mapInTurns } from '#base/threads/map-in-turns.ts'
import type { Context } from '#context.ts'
import { membershipOf, type JsonObject, type Pdu } from '#protocol/events/event.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import { loadEvents } from '#services/rooms/events/load-events.ts'
import { lastVisibleState, type Reading } from './open-reading.ts'
import { nidOf } from './history-intervals.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { wholeStateAt } from '#services/rooms/state/state-at-position.ts'
import { firstReadable } from './readable.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store'>

export type MemberSelection = {
  /** Just after this position instead of now, or where the reader first may look at the room after that. */
  at?: number | undefined
  membership?: string | undefined
  notMembership?: string | undefined
}

/** Member events of a room. Of two conditions on the membership one is enough, as the specification has it. */
export async function listMembers(
  ctx: Needs,
  reading: Reading,
  { at, membership, notMembership }: MemberSelection,
): Promise<StoredEvent[]> {
  const { room } = reading
  const position = Math.max(await positionToShow(ctx, reading, at), room.purgedUpTo)
  const isWanted = ({ type }: { type: string }) => type === 'm.room.member'
  const members = await wholeStateAt(ctx, room, { position, isWanted })
  const events = members.length > 0 ? members : await firstMember(ctx, room)
  if (membership === undefined && notMembership === undefined) return events
  const isPresent = position >= room.lastPosition
  return events.filter((event) => {
    const actual = (isPresent && room.members.get(memberOf(event))) || membershipIn(event)
    return (
      (membership !== undefined && actual === membership) || (notMembership !== undefined && actual !== notMembership)
    )
  })
}

/** Tokens of /sync are older than a room that was joined since: so a moment out of sight gives the next one in sight. */
async function positionToShow(ctx: Needs, reading: Reading, at = Infinity): Promise<number> {
  const last = lastVisibleState(reading)
  return at >= last ? last : Math.min((await firstReadable(ctx, reading, at)) ?? last, last)
}

const memberOf = ({ stateKey }: StoredEvent): UserId => (stateKey ?? '') as UserId

const membershipIn = ({ clientJson }: StoredEvent): string | undefined =>
  membershipOf(JSON.parse(clientJson) as Pick<Pdu, 'content'>)

/** Of a room without members, as before its first event, from which a /sync of its whole timeline begins: the creator. */
async function firstMember({ store }: Needs, room: LiveRoom): Promise<StoredEvent[]> {
  const first = await store.rooms.events.page({ roomNid: nidOf(room), from: 0, direction: 'forwards', limit: 2 })
  return first.filter(({ type }) => type === 'm.room.member')
}

/** Who is in the room, with the name and avatar they have there. */
export async function listJoinedMembers(
  ctx: Needs,
  room: LiveRoom,
): Promise<{ userId: UserId; displayName: string | undefined; avatarUrl: string | undefined }[]> {
  const joined = [...room.members].filter(([, membership]) => membership === 'join')
  const positions = joined.flatMap(([userId]) => room.entry('m.room.member', userId)?.position ?? [])
  const events = await loadEvents(ctx, positions)
  return mapInTurns(events, (event) => {
    const { content } = JSON.parse(event.clientJson) as { content: JsonObject }
    return {
      userId: memberOf(event),
      displayName: textOf(content.displayname),
      avatarUrl: textOf(content.avatar_url),
    }
  })
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
