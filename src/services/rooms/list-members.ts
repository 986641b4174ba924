import type { Context } from '#context.ts'
import { membershipOf, type JsonObject, type Pdu } from '#protocol/event.ts'
import type { StoredEvent } from '#store/events.ts'
import { lastReadable, type Reading } from './open-reading.ts'
import { nidOf } from './reader-spans.ts'
import type { RoomLine } from './room-line.ts'

type Needs = Pick<Context, 'store'>

export type MemberSelection = {
  /** Just after this position instead of now. */
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
  const { line } = reading
  const position = Math.max(Math.min(at ?? Infinity, lastReadable(reading)), line.purgedUpTo)
  const types = ['m.room.member']
  const isPresent = position >= line.lastPosition
  const told = isPresent
    ? await ctx.store.roomState.current([nidOf(line)], { types })
    : await ctx.store.roomState.at([nidOf(line)], position, { types })
  const events = told.length > 0 ? told : await firstMember(ctx, line)
  if (membership === undefined && notMembership === undefined) return events
  return events.filter((event) => {
    const actual = membershipOf(JSON.parse(event.clientJson) as Pick<Pdu, 'content'>)
    return (
      (membership !== undefined && actual === membership) || (notMembership !== undefined && actual !== notMembership)
    )
  })
}

/** Of a room without anybody, as before its first event, where a /sync that tells all of it begins: who made it. */
async function firstMember({ store }: Needs, line: RoomLine): Promise<StoredEvent[]> {
  const first = await store.events.page({ roomNid: nidOf(line), from: 0, direction: 'forwards', limit: 2 })
  return first.filter(({ type }) => type === 'm.room.member')
}

/** Who is in the room, with the name and avatar they have there. */
export async function listJoinedMembers(
  ctx: Needs,
  line: RoomLine,
): Promise<{ userId: string; displayName: string | undefined; avatarUrl: string | undefined }[]> {
  const members = [...line.members].flatMap(([userId, membership]) => (membership === 'join' ? [userId] : []))
  const events = await ctx.store.roomState.current([nidOf(line)], { members })
  return events.map((event) => {
    const { content } = JSON.parse(event.clientJson) as { content: JsonObject }
    return {
      userId: event.stateKey ?? '',
      displayName: textOf(content.displayname),
      avatarUrl: textOf(content.avatar_url),
    }
  })
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
