import { invalidRoomState, MatrixError, roomInUse } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { RoomAlias, RoomId, UserId } from '#protocol/ids.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { startRoom, type AppendNeeds } from './append.ts'
import { buildEvent, hashNewEvent, selectAuthEvents, type EventDraft } from './build-event.ts'
import { newRoom } from '#services/rooms/live/room-turn.ts'

export type OpenNeeds = AppendNeeds & Pick<Context, 'config' | 'locks' | 'tokens'>

export type Opening = {
  version: RoomVersion
  creator: UserId
  createContent: JsonObject
  /** What follows the create event. */
  events: readonly EventDraft[]
  /** A name of this server that the room gets with its first events. */
  alias?: RoomAlias | undefined
  isPublished?: boolean
}

/** Makes a room of its first events, all or none of them; throws M_INVALID_ROOM_STATE where one is not allowed. */
export function openRoom(ctx: OpenNeeds, opening: Opening): Promise<RoomId> {
  // One room of a user after another, so that no two choose the same id.
  return ctx.locks.run(`rooms of ${opening.creator}`, () => open(ctx, opening))
}

async function open(ctx: OpenNeeds, opening: Opening): Promise<RoomId> {
  const { version, events, alias, creator } = opening
  const { roomId, create } = await nameRoom(ctx, opening)
  if (
    alias &&
    !(await ctx.store.rooms.aliases.insert({ alias, roomId, createdBy: creator, createdAt: ctx.clock.now() }))
  )
    throw roomInUse()
  try {
    await startRoom(ctx, { roomId, version, isPublished: opening.isPublished }, [create, ...events])
    return roomId
  } catch (error) {
    if (alias) await ctx.store.rooms.aliases.delete(alias)
    throw error instanceof MatrixError && error.status === 403 ? invalidRoomState(error.message) : error
  }
}

/** Chooses the room's id; from version 12 it follows from the create event, whose time then makes it unique. */
async function nameRoom(
  ctx: OpenNeeds,
  { version, creator, createContent }: Opening,
): Promise<{ roomId: RoomId; create: EventDraft }> {
  const draft = { type: 'm.room.create', stateKey: '', sender: creator, content: createContent }
  const { server_name: serverName } = ctx.config
  if (!version.roomIdIsCreateHash) return { roomId: `!${ctx.tokens.id(18)}:${serverName}`, create: draft }
  const nowhere = newRoom({ roomId: '!', version, serverName, isPlaceholder: false })
  for (let now = ctx.clock.now(); ; now++) {
    const create = { ...draft, originServerTs: now }
    const event = buildEvent(nowhere, create, { authEvents: selectAuthEvents(nowhere, create), now })
    const { eventId } = hashNewEvent(event, version, ctx.signingKey)
    const roomId: RoomId = `!${eventId.slice(1)}`
    if (!(await ctx.store.rooms.rooms.find(roomId))) return { roomId, create }
  }
}
