import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import type { ServerName, UserId } from '#protocol/ids.ts'

/** What is known of the device list of a user of another server; the devices are rows of `device_keys`. */
export type RemoteDeviceList = Readonly<{
  userId: UserId
  /** The newest change that the list holds, in the count of the user's server. */
  streamId: number
  /** Whether changes are known to be missing. */
  isStale: boolean
  /** Grows with each change that was announced. */
  version: number
}>

type Row = { user_id: UserId; stream_id: number; is_stale: boolean | number; version: number }
type SentRow = { server_name: ServerName; user_id: UserId; stream_id: number }

export const remoteDeviceLists = (db: Db, kind: Engine['kind']) => ({
  async listOf(userIds: readonly UserId[]): Promise<RemoteDeviceList[]> {
    if (userIds.length === 0) return []
    const rows = await db<Row>('remote_device_lists').whereRaw(...inList(kind, 'user_id', userIds))
    return rows.map(listOf)
  },

  /** Locked until the transaction ends. */
  async hold(userId: UserId): Promise<RemoteDeviceList | undefined> {
    const row = await db<Row>('remote_device_lists').where({ user_id: userId }).forUpdate().first()
    return row && listOf(row)
  },

  async save({ userId, streamId, isStale, version }: RemoteDeviceList): Promise<void> {
    await db<Row>('remote_device_lists')
      .insert({ user_id: userId, stream_id: streamId, is_stale: isStale, version })
      .onConflict('user_id')
      .merge()
  },

  async remove(userIds: readonly UserId[]): Promise<void> {
    if (userIds.length === 0) return
    await db<Row>('remote_device_lists')
      .whereRaw(...inList(kind, 'user_id', userIds))
      .delete()
  },

  /** Nothing is announced of accounts that are no more. */
  async deleteSentOfDeactivated(): Promise<void> {
    const gone = db('accounts').whereNotNull('deactivated_at').select('user_id')
    await db<SentRow>('sent_device_lists').whereIn('user_id', gone).delete()
  },

  /** The change of each user's list that a server was sent last; users of whom it was sent none are left out. */
  async sentTo(serverName: ServerName, userIds: readonly UserId[]): Promise<Map<UserId, number>> {
    if (userIds.length === 0) return new Map()
    const rows = await db<SentRow>('sent_device_lists')
      .where({ server_name: serverName })
      .whereRaw(...inList(kind, 'user_id', userIds))
    return new Map(rows.map((row) => [row.user_id, Number(row.stream_id)]))
  },

  /** Of some servers those that were sent something of the user's list. */
  async serversSent(userId: UserId, serverNames: readonly ServerName[]): Promise<Set<ServerName>> {
    if (serverNames.length === 0) return new Set()
    const names = await db<SentRow>('sent_device_lists')
      .where({ user_id: userId })
      .whereRaw(...inList(kind, 'server_name', serverNames))
      .pluck('server_name')
    return new Set(names as ServerName[])
  },

  async saveSent(serverName: ServerName, sent: ReadonlyMap<UserId, number>): Promise<void> {
    if (sent.size === 0) return
    await db<SentRow>('sent_device_lists')
      .insert(
        [...sent].map(([userId, streamId]) => ({ server_name: serverName, user_id: userId, stream_id: streamId })),
      )
      .onConflict(['server_name', 'user_id'])
      .merge()
  },
})

const listOf = (row: Row): RemoteDeviceList => ({
  userId: row.user_id,
  streamId: Number(row.stream_id),
  isStale: Boolean(row.is_stale),
  version: Number(row.version),
})
