import { Type, type Static, type TSchema, type TUnsafe } from '@sinclair/typebox'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

/*
 * Ids in parameters, bodies and replies. Their grammar is not checked here: an unknown id finds nothing, and services
 * check the grammar where they store one.
 */

export const UserIdText = Type.Unsafe<UserId>(Type.String())
export const RoomIdText = Type.Unsafe<RoomId>(Type.String())
export const EventIdText = Type.Unsafe<EventId>(Type.String())

/** An object of which each key is a user id. */
export const ByUser = <V extends TSchema>(value: V): TUnsafe<Record<UserId, Static<V>>> =>
  Type.Unsafe<Record<UserId, Static<V>>>(Type.Record(Type.String(), value))
