import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { pairList } from '#store/engine/pair-list.ts'
import type { UserId } from '#protocol/ids.ts'

/** A message to one device; `content` is JSON text. */
export type ToDeviceMessage = {
  userId: UserId
  deviceId: string
  position: number
  sender: UserId
  type: string
  content: string
}

/** What makes a repeated request the same one. */
export type ToDeviceTransaction = { userId: UserId; deviceId: string; type: string; transactionId: string }

export type ToDeviceRange = { after?: number; upTo?: number; limit: number }

type Row = { user_id: UserId; device_id: string; position: number; sender: UserId; type: string; content: string }
type TransactionRow = { user_id: UserId; device_id: string; type: string; transaction_id: string; created_at: number }

export const toDevice = (db: Db, kind: Engine['kind']) => ({
  /** The devices of some users, kept from being deleted until the transaction ends: others can have no messages. */
  async listDevices(userIds: readonly UserId[]): Promise<{ userId: UserId; deviceId: string }[]> {
    if (userIds.length === 0) return []
    const rows = (await db('devices')
      .whereRaw(...inList(kind, 'user_id', userIds))
      .orderBy(['user_id', 'device_id'])
      .forShare()
      .select('user_id', 'device_id')) as unknown as Row[]
    return rows.map((row) => ({ userId: row.user_id, deviceId: row.device_id }))
  },

  /** False when the transaction was seen before. */
  async begin(transaction: ToDeviceTransaction, now: number): Promise<boolean> {
    const { userId, deviceId, type, transactionId } = transaction
    const inserted = await db<TransactionRow>('to_device_transactions')
      .insert({ user_id: userId, device_id: deviceId, type, transaction_id: transactionId, created_at: now })
      .onConflict(['user_id', 'device_id', 'type', 'transaction_id'])
      .ignore()
      .returning('created_at')
    return inserted.length === 1
  },

  /** Forgets transactions from before then, in ms. */
  async forgetTransactions(before: number): Promise<void> {
    await db<TransactionRow>('to_device_transactions').where('created_at', '<', before).delete()
  },

  async insert(messages: readonly ToDeviceMessage[]): Promise<void> {
    const rows = messages.map(({ userId, deviceId, ...rest }) => ({ user_id: userId, device_id: deviceId, ...rest }))
    for (let start = 0; start < rows.length; start += 200)
      await db<Row>('to_device_messages').insert(rows.slice(start, start + 200))
  },

  /** Drops the oldest messages of those devices that have more than `most` waiting. */
  async trim(devices: readonly (readonly [userId: UserId, deviceId: string])[], most: number): Promise<void> {
    const full = (await db('to_device_messages')
      .whereRaw(...pairList(kind, ['user_id', 'device_id'], devices))
      .groupBy('user_id', 'device_id')
      .havingRaw('count(*) > ?', [most])
      .select('user_id', 'device_id')) as unknown as Row[]
    for (const { user_id, device_id } of full) {
      const device = { user_id, device_id }
      const kept = db<Row>('to_device_messages')
        .where(device)
        .orderBy('position', 'desc')
        .limit(1)
        .offset(most - 1)
      await db<Row>('to_device_messages').where(device).where('position', '<', kept.select('position')).delete()
    }
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

  /** Deletes what the device has received. */
  async deleteUpTo(userId: UserId, deviceId: string, position: number): Promise<void> {
    await db<Row>('to_device_messages')
      .where({ user_id: userId, device_id: deviceId })
      .where('position', '<=', position)
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
