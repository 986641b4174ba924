import type { JsonObject } from '#protocol/events/event.ts'
import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'

/** A join or knock that servers of the room are asked for. */
export type RemoteEntry = {
  roomId: RoomId
  userId: UserId
  /** Of the member event. */
  content: JsonObject
  /** Servers that may be in the room, besides those of which that is known here. */
  via: readonly ServerName[]
}

export type RemoteLeave = { roomId: RoomId; userId: UserId; reason: string | undefined }
export type RemoteInvite = { roomId: RoomId; sender: UserId; userId: UserId; content: JsonObject }

/** Changes of membership that need other servers; refusals are thrown as clients are told them. */
export type RemoteMembership = {
  join(entry: RemoteEntry): Promise<void>
  knock(entry: RemoteEntry): Promise<void>
  /** Rejects an invite, or retracts a knock, here and now; the room's servers hear of it when they can be reached. */
  leave(leave: RemoteLeave): Promise<void>
  /** Invites a user of another server, which must sign the event, to a room of this one. */
  invite(invite: RemoteInvite): Promise<EventId>
  /** Where an alias of another server leads to; undefined where it leads nowhere. */
  findAlias(alias: string): Promise<{ roomId: RoomId; servers: ServerName[] } | undefined>
}
