import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import type { UserId } from '#protocol/ids.ts'

/** The identity keys of a device as it uploaded them. */
export type StoredDeviceKeys = Readonly<{
  userId: UserId
  deviceId: string
  /** Canonical JSON of the upload without `signatures` and `unsigned`. */
  identity: string
  /** Signatures by keys of the same user, as they came with the upload. */
  signatures: Readonly<Record<string, string>>
}>

/** `isFormer`: of a login that has ended, so that the device may bring other keys. */
export type FoundDeviceKeys = StoredDeviceKeys & Readonly<{ isFormer: boolean }>

/** Device keys beside the name the user gave the device. */
export type NamedDeviceKeys = StoredDeviceKeys & Readonly<{ displayName: string | undefined }>

type Row = { user_id: UserId; device_id: string; identity: string; signatures: string; is_former: boolean | number }
type NamedRow = Row & { display_name: string | null; remote_name: string | null }

export const deviceKeys = (db: Db, kind: Engine['kind']) => ({
  async find(userId: UserId, deviceId: string): Promise<FoundDeviceKeys | undefined> {
    const row = await db<Row>('device_keys').where({ user_id: userId, device_id: deviceId }).first()
    return row && fromRow(row)
  },

  /** Locks the device until the transaction ends; false when it does not exist. */
  async holdDevice(userId: UserId, deviceId: string): Promise<boolean> {
    const row: unknown = await db('devices')
      .where({ user_id: userId, device_id: deviceId })
      .forShare()
      .first('device_id')
    return row !== undefined
  },

  /** The keys of all devices of some users. */
  async listOf(userIds: readonly UserId[]): Promise<NamedDeviceKeys[]> {
    if (userIds.length === 0) return []
    const rows = (await db('device_keys as k')
      .leftJoin('devices as d', (on) => on.on('d.user_id', 'k.user_id').andOn('d.device_id', 'k.device_id'))
      .whereRaw(...inList(kind, 'k.user_id', userIds))
      .orderBy(['k.user_id', 'k.device_id'])
      .select('k.*', 'd.display_name')) as unknown as NamedRow[]
    return rows.map((row) => ({ ...fromRow(row), displayName: row.display_name ?? row.remote_name ?? undefined }))
  },

  /** Stores keys as those of the current login. */
  async save({ userId, deviceId, identity, signatures }: StoredDeviceKeys): Promise<void> {
    await db<Row>('device_keys')
      .insert({
        user_id: userId,
        device_id: deviceId,
        identity,
        signatures: JSON.stringify(signatures),
        is_former: false,
      })
      .onConflict(['user_id', 'device_id'])
      .merge()
  },

  /** Stores keys of a device of another server, with the name that server gives it. */
  async saveRemote({ userId, deviceId, identity, signatures, displayName }: NamedDeviceKeys): Promise<void> {
    await db<Row & { remote_name: string | null }>('device_keys')
      .insert({
        user_id: userId,
        device_id: deviceId,
        identity,
        signatures: JSON.stringify(signatures),
        is_former: false,
        remote_name: displayName ?? null,
      })
      .onConflict(['user_id', 'device_id'])
      .merge()
  },

  /** Sets whether the keys are those of a login that has ended. */
  async setFormer(userId: UserId, deviceId: string, isFormer: boolean): Promise<void> {
    await db<Row>('device_keys').where({ user_id: userId, device_id: deviceId }).update({ is_former: isFormer })
  },

  /** Answers which of the devices had keys. */
  async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<string[]> {
    if (deviceIds.length === 0) return []
    const found = () =>
      db<Row>('device_keys')
        .where({ user_id: userId })
        .whereRaw(...inList(kind, 'device_id', deviceIds))
    const withKeys = (await found().pluck('device_id')) as string[]
    await found().delete()
    return withKeys
  },
})

const fromRow = (row: Row): FoundDeviceKeys => ({
  userId: row.user_id,
  deviceId: row.device_id,
  identity: row.identity,
  signatures: JSON.parse(row.signatures) as Record<string, string>,
  isFormer: Boolean(row.is_former),
})
