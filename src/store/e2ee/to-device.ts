import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { pairList } from '#store/engine/pair-list.ts'
import type { UserId } from '#protocol/ids.ts'
import { inSlices } from '#base/in-slices.ts'

/** A message to one device; `content` is JSON text. */
export type ToDeviceMessage = Readonly<{
  userId: UserId
  deviceId: string
  position: number
  sender: UserId
  type: string
  content: string
}>

/** What makes a repeated request the same one. */
export type ToDeviceTransaction = Readonly<{ userId: UserId; deviceId: string; type: string; transactionId: string }>

export type ToDeviceTarget = Readonly<{ userId: UserId; deviceId: string }>

/** What waits for a device from one sender. */
export type QueueShare = ToDeviceTarget & Readonly<{ sender: UserId; messages: number; bytes: number }>

export type ToDeviceRange = Readonly<{ after?: number; upTo?: number; limit: number }>

type Row = {
  user_id: UserId
  device_id: string
  position: number
  sender: UserId
  type: string
  content: string
  bytes: number
}
type TransactionRow = { user_id: UserId; device_id: string; type: string; transaction_id: string; created_at: number }

export const toDevice = (db: Db, kind: Engine['kind']) => ({
  /** The devices of some users, locked until the transaction ends: only existing devices can have messages. */
  async listDevices(userIds: readonly UserId[]): Promise<{ userId: UserId; deviceId: string }[]> {
    if (userIds.length === 0) return []
    const rows = (await db('devices')
      .whereRaw(...inList(kind, 'user_id', userIds))
      .orderBy(['user_id', 'device_id'])
      .forShare()
      .select('user_id', 'device_id')) as unknown as Row[]
    return rows.map((row) => ({ userId: row.user_id, deviceId: row.device_id }))
  },

  /** False when the transaction id was used before. */
  async begin(transaction: ToDeviceTransaction, now: number): Promise<boolean> {
    const { userId, deviceId, type, transactionId } = transaction
    const inserted = await db<TransactionRow>('to_device_transactions')
      .insert({ user_id: userId, device_id: deviceId, type, transaction_id: transactionId, created_at: now })
      .onConflict(['user_id', 'device_id', 'type', 'transaction_id'])
      .ignore()
      .returning('created_at')
    return inserted.length === 1
  },

  /** Deletes transaction ids from before a time in ms. */
  async deleteTransactionsBefore(before: number): Promise<void> {
    await db<TransactionRow>('to_device_transactions').where('created_at', '<', before).delete()
  },

  /** `bytes`: of the content. */
  async insert(messages: readonly (ToDeviceMessage & { bytes: number })[]): Promise<void> {
    const rows = messages.map(({ userId, deviceId, ...rest }) => ({ user_id: userId, device_id: deviceId, ...rest }))
    for (const slice of inSlices(rows, 200)) await db<Row>('to_device_messages').insert(slice)
  },

  /** The size of some devices' queues, by sender; read from an index that holds no content. */
  async listShares(devices: readonly ToDeviceTarget[]): Promise<QueueShare[]> {
    if (devices.length === 0) return []
    const pairs = devices.map(({ userId, deviceId }) => [userId, deviceId] as const)
    const rows = (await db('to_device_messages')
      .whereRaw(...pairList(kind, ['user_id', 'device_id'], pairs))
      .groupBy('user_id', 'device_id', 'sender')
      .select('user_id', 'device_id', 'sender')
      .count('* as messages')
      .sum('bytes as bytes')) as unknown as (Row & { messages: number | string; bytes: number | string })[]
    return rows.map((row) => ({
      userId: row.user_id,
      deviceId: row.device_id,
      sender: row.sender,
      messages: Number(row.messages),
      bytes: Number(row.bytes),
    }))
  },

  /** Drops the oldest messages of one sender in a queue until the rest is within bounds. */
  async keepNewest(
    { userId, deviceId, sender }: Pick<QueueShare, 'userId' | 'deviceId' | 'sender'>,
    most: { messages: number; bytes: number },
  ): Promise<void> {
    const queue = { user_id: userId, device_id: deviceId, sender }
    const newest = await db<Row>('to_device_messages')
      .where(queue)
      .orderBy('position', 'desc')
      .limit(most.messages + 1)
      .select('position', 'bytes')
    let bytes = 0
    const firstDropped = newest.findIndex(
      (row, index) => (bytes += Number(row.bytes)) > most.bytes || index === most.messages,
    )
    const position = newest[firstDropped]?.position
    if (position !== undefined)
      await db<Row>('to_device_messages').where(queue).where('position', '<=', position).delete()
  },

  /** The oldest messages waiting for a device, after and up to positions of the stream. */
  async list(
    { userId, deviceId }: { userId: UserId; deviceId: string },
    range: ToDeviceRange,
  ): Promise<ToDeviceMessage[]> {
    const query = db<Row>('to_device_messages')
      .where({ user_id: userId, device_id: deviceId })
      .orderBy('position')
      .limit(range.limit)
    if (range.after !== undefined) void query.where('position', '>', range.after)
    if (range.upTo !== undefined) void query.where('position', '<=', range.upTo)
    return (await query).map(fromRow)
  },

  /** Deletes messages that the device has received. */
  async deleteUpTo(userId: UserId, deviceId: string, position: number): Promise<void> {
    await db<Row>('to_device_messages')
      .where({ user_id: userId, device_id: deviceId })
      .where('position', '<=', position)
      .delete()
  },

  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
    if (deviceIds.length === 0) return
    for (const table of ['to_device_messages', 'to_device_transactions'])
      await db(table)
        .where({ user_id: userId })
        .whereRaw(...inList(kind, 'device_id', deviceIds))
        .delete()
  },
})

const fromRow = (row: Row): ToDeviceMessage => ({
  userId: row.user_id,
  deviceId: row.device_id,
  position: Number(row.position),
  sender: row.sender,
  type: row.type,
  content: row.content,
})
