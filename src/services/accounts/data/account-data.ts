import { badJson, forbidden, invalidParam, MatrixError, notFound, tooLarge } from '#base/errors.ts'
import { accountDataChanged } from '#bus/topics.ts'
import type { Context, Transaction } from '#context.ts'
import { isValidRoomId, type RoomId, type UserId } from '#protocol/ids.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { fullRuleset } from '#protocol/push/push-rules.ts'
import type { AccountData, AccountDataKey } from '#store/accounts/account-data.ts'
import { pushRulesType, readPushRules } from './stored-push-rules.ts'

/** Types that have endpoints of their own, which validate them. */
const kept: readonly string[] = [pushRulesType, 'm.fully_read']
const maxTypeLength = 255

/** The key of one object; without room, of global account data. */
export type DataKey = { userId: UserId; roomId?: RoomId | undefined; type: string }

const keyOf = ({ userId, roomId, type }: DataKey): AccountDataKey => ({ userId, roomId: roomId ?? '', type })

/** The content of one object; throws M_NOT_FOUND where there is none. */
export async function findAccountData({ store }: Pick<Context, 'store'>, key: DataKey): Promise<JsonObject> {
  const content = await store.accounts.accountData.find(keyOf(key))
  if (isPushRules(keyOf(key))) return JSON.parse(pushRulesContent(key.userId, content)) as JsonObject
  if (content === undefined) throw notFound('There is no account data of this type')
  return JSON.parse(content) as JsonObject
}

/** Sets the whole content of one object, as the user may. */
export async function putAccountData(
  ctx: Pick<Context, 'store' | 'bus' | 'config'>,
  key: DataKey,
  content: JsonObject,
): Promise<void> {
  if (kept.includes(key.type)) throw new MatrixError(405, 'M_BAD_JSON', `Cannot set ${key.type} through this API.`)
  await ctx.store.transaction((tx) => writeAccountData(tx, ctx.config.limits, { ...key, content }))
  const { userId, roomId, type } = keyOf(key)
  ctx.bus.publish(accountDataChanged, { userId, changes: [{ roomId, type }] })
}

type Limits = Context['config']['limits']

/** The part inside a transaction, also for push rules and tags; the caller publishes the change after the commit. */
export async function writeAccountData(
  tx: Transaction,
  limits: Limits,
  { content, ...key }: DataKey & { content: JsonObject },
): Promise<void> {
  const { roomId, type } = key
  if (roomId !== undefined && !isValidRoomId(roomId)) throw invalidParam('The room id is not valid')
  if (type.length > maxTypeLength || !type.isWellFormed()) throw badJson('The type is not valid')
  const text = JSON.stringify(content)
  if (Buffer.byteLength(text) > limits.account_data_bytes) throw tooLarge('The account data is too large')
  const position = await lockAccountData(tx)
  const replaced = await tx.accounts.accountData.find(keyOf(key))
  const usage = await tx.accounts.accountData.usage(key.userId)
  if (replaced === undefined && usage.objects >= limits.account_data_types)
    throw forbidden('You have too much account data')
  const growth = Buffer.byteLength(text) - Buffer.byteLength(replaced ?? '')
  // A user above the limit, as after it was lowered, may still reduce the size.
  if (growth > 0 && usage.bytes + growth > limits.account_data_bytes_per_user)
    throw tooLarge('You have too much account data')
  await tx.accounts.accountData.save({ ...keyOf(key), content: text }, position)
}

/** Takes a position, which locks account data against other writers until the transaction ends. */
export const lockAccountData = (tx: Transaction): Promise<number> => tx.streams.next('account_data')

/** Account data as JSON texts of events. */
export type AccountDataChanges = { global: string[]; rooms: Map<RoomId, string[]> }

/**
* Account data set after one position of the stream and up to another; all of it where `after` is undefined. Push rules
 * are complete with the default ones, and always included where `after` is undefined.
 */
export async function accountDataChanges(
  { store }: Pick<Context, 'store'>,
  userId: UserId,
  { after, upTo }: { after: number | undefined; upTo: number },
): Promise<AccountDataChanges> {
  const changes: AccountDataChanges = { global: [], rooms: new Map() }
  const changed = after === upTo ? [] : await store.accounts.accountData.listChanged(userId, { after: after ?? 0, upTo })
  for (const data of changed) {
    const json = eventText(data)
    if (data.roomId === '') changes.global.push(json)
    else changes.rooms.set(data.roomId, [...(changes.rooms.get(data.roomId) ?? []), json])
  }
  if (after === undefined && !changed.some(isPushRules))
    changes.global.push(`{"type":"${pushRulesType}","content":${pushRulesContent(userId, undefined)}}`)
  return changes
}

const isPushRules = ({ roomId, type }: AccountDataKey): boolean => roomId === '' && type === pushRulesType

function eventText(data: AccountData): string {
  const content = isPushRules(data) ? pushRulesContent(data.userId, data.content) : data.content
  return `{"type":${JSON.stringify(data.type)},"content":${content}}`
}

const pushRulesContent = (userId: UserId, stored: string | undefined): string =>
  JSON.stringify({ global: fullRuleset(readPushRules(stored), userId) })
