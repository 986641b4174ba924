import { accountDataChanged } from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { lockAccountData } from '#services/accounts/data/account-data.ts'
import { findPushRules, pushRulesType, savePushRules } from '#services/accounts/data/stored-push-rules.ts'
import { nextContent } from '#services/rooms/live/next-state.ts'
import { isValidRoomId, type RoomId, type UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'store' | 'bus' | 'rooms' | 'config'>

/** A user's move from a room to its replacement. */
type Move = { userId: UserId; from: RoomId; to: RoomId }

/**
 * Copies the settings of local users who are in the replacement already when a room's tombstone is sent: a client that
 * upgrades a room by itself creates the replacement first.
 */
export async function inheritByTombstone(ctx: Needs, roomId: RoomId): Promise<void> {
  const content = await contentIn(ctx, roomId, 'm.room.tombstone')
  const replacement = content?.replacement_room
  const room =
    typeof replacement === 'string' && isValidRoomId(replacement) ? await ctx.rooms.find(replacement) : undefined
  if (!room) return
  for (const userId of [...room.localUsers]) await inheritSettings(ctx, { roomId: room.roomId, userId })
}

/**
 * Copies tags, push rules and `m.direct` of the predecessor to a room that the user has just joined. Only where the
 * predecessor's tombstone names the room: any room can claim any predecessor.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
export async function inheritSettings(
  ctx: Needs,
  { roomId, userId }: { roomId: RoomId; userId: UserId },
): Promise<void> {
  const create = await contentIn(ctx, roomId, 'm.room.create')
  const from = isObject(create?.predecessor) ? create.predecessor.room_id : undefined
  if (typeof from !== 'string' || from === roomId || !isValidRoomId(from)) return
  if ((await contentIn(ctx, from, 'm.room.tombstone'))?.replacement_room !== roomId) return
  const move = { userId, from, to: roomId }
  await ctx.store.transaction(async (tx) => {
    const position = await lockAccountData(tx)
    // A user at the limit of account data gets none copied.
    if (await isFull(tx, ctx.config.limits, userId)) return
    await moveTags(tx, move, position)
    await moveDirectChats(tx, move, position)
    await movePushRule(tx, { ...move, most: ctx.config.limits.push_rules_per_user }, position)
  })
  ctx.bus.publish(accountDataChanged, {
    userId,
    changes: [
      { roomId, type: 'm.tag' },
      { roomId: '', type: 'm.direct' },
      { roomId: '', type: pushRulesType },
    ],
  })
}

/** The content of a room's state with the empty state key; undefined where the room or the state is unknown. */
async function contentIn(ctx: Needs, roomId: RoomId, type: string): Promise<JsonObject | undefined> {
  const room = await ctx.rooms.find(roomId)
  return room && (await nextContent(ctx, room, [type, '']))
}

async function isFull(tx: Transaction, limits: Context['config']['limits'], userId: UserId): Promise<boolean> {
  const { objects, bytes } = await tx.accounts.accountData.usage(userId)
  return objects >= limits.account_data_types || bytes >= limits.account_data_bytes_per_user
}

async function moveTags(tx: Transaction, { userId, from, to }: Move, position: number): Promise<void> {
  const tags = await tx.accounts.accountData.find({ userId, roomId: from, type: 'm.tag' })
  const key = { userId, roomId: to, type: 'm.tag' }
  if (tags === undefined || (await tx.accounts.accountData.find(key)) !== undefined) return
  await tx.accounts.accountData.save({ ...key, content: tags }, position)
}

async function moveDirectChats(tx: Transaction, { userId, from, to }: Move, position: number): Promise<void> {
  const key = { userId, roomId: '' as const, type: 'm.direct' }
  const stored = await tx.accounts.accountData.find(key)
  if (stored === undefined) return
  const chats = JSON.parse(stored) as JsonObject
  const isMoved = (rooms: JsonValue | undefined): rooms is JsonValue[] =>
    Array.isArray(rooms) && rooms.includes(from) && !rooms.includes(to)
  if (!Object.values(chats).some(isMoved)) return
  const moved = Object.entries(chats).map(([partner, rooms]) => [partner, isMoved(rooms) ? [...rooms, to] : rooms])
  await tx.accounts.accountData.save({ ...key, content: JSON.stringify(Object.fromEntries(moved)) }, position)
}

async function movePushRule(
  tx: Transaction,
  { userId, from, to, most }: Move & { most: number },
  position: number,
): Promise<void> {
  const rules = await findPushRules(tx, userId)
  const { room } = rules.own
  const rule = room.find(({ rule_id: id }) => id === from)
  if (!rule || room.some(({ rule_id: id }) => id === to) || Object.values(rules.own).flat().length >= most) return
  const own = { ...rules.own, room: [...room, { ...rule, rule_id: to }] }
  await savePushRules(tx, { userId, rules: { ...rules, own } }, position)
}
