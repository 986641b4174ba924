import type { UserId } from '#protocol/ids.ts'
import type { Db } from './engine/db.ts'

export type PresenceState = 'online' | 'unavailable' | 'offline'

/** The state that a device set, and whether by PUT /presence. */
export type StoredDevice = Readonly<{ deviceId: string; state: PresenceState; isStated: boolean }>

/** The presence of a user as it last changed. */
export type StoredPresence = Readonly<{
  userId: UserId
  state: PresenceState
  status: string | undefined
  activeAt: number | undefined
  /** Of the newest change: later ones have greater serials. */
  serial: number
  devices: readonly StoredDevice[]
}>

type Row = {
  user_id: UserId
  state: PresenceState
  status: string | null
  active_at: number | string | null
  serial: number | string
  devices: string
}

export const presences = (db: Db) => ({
  async find(userId: UserId): Promise<StoredPresence | undefined> {
    const row = await db<Row>('presences').where({ user_id: userId }).first()
    return row && fromRow(row)
  },

  /** Those that changed last, the newest first. */
  async listNewest(limit: number): Promise<StoredPresence[]> {
    return (await db<Row>('presences').orderBy('serial', 'desc').limit(limit)).map(fromRow)
  },

  async save(changed: readonly StoredPresence[]): Promise<void> {
    if (changed.length > 0) await db<Row>('presences').insert(changed.map(toRow)).onConflict('user_id').merge()
  },

  async deleteForUsers(userIds: readonly UserId[]): Promise<void> {
    if (userIds.length > 0) await db<Row>('presences').whereIn('user_id', userIds).delete()
  },
})

const toRow = ({ userId, state, status, activeAt, serial, devices }: StoredPresence): Row => ({
  user_id: userId,
  state,
  status: status ?? null,
  active_at: activeAt ?? null,
  serial,
  devices: JSON.stringify(devices.map(({ deviceId, state: shown, isStated }) => [deviceId, shown, isStated])),
})

const fromRow = (row: Row): StoredPresence => ({
  userId: row.user_id,
  state: row.state,
  status: row.status ?? undefined,
  activeAt: row.active_at === null ? undefined : Number(row.active_at),
  serial: Number(row.serial),
  devices: (JSON.parse(row.devices) as [string, PresenceState, boolean][]).map(([deviceId, state, isStated]) => ({
    deviceId,
    state,
    isStated,
  })),
})
