import type { JsonValue } from '#protocol/events/event.ts'
import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

/** Fields by name, as the client API shows them. */
export type Profile = Readonly<{ [name: string]: JsonValue }>

type Row = { user_id: UserId; name: string; value: string }

export const profiles = (db: Db) => ({
  async find(userId: UserId): Promise<Profile> {
    return toProfile(await db<Row>('profile_fields').where({ user_id: userId }).orderBy('name'))
  },

  /** The profiles of those users that have any field. */
  async findMany(userIds: readonly UserId[]): Promise<Map<string, Profile>> {
    const rows = await db<Row>('profile_fields').whereIn('user_id', userIds)
    const byUser = Map.groupBy(rows, (row) => row.user_id)
    return new Map([...byUser].map(([userId, fields]) => [userId, toProfile(fields)]))
  },

  async setField(userId: UserId, name: string, value: JsonValue): Promise<void> {
    await db<Row>('profile_fields')
      .insert({ user_id: userId, name, value: JSON.stringify(value) })
      .onConflict(['user_id', 'name'])
      .merge()
  },

  async deleteField(userId: UserId, name: string): Promise<void> {
    await db<Row>('profile_fields').where({ user_id: userId, name }).delete()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('profile_fields').where({ user_id: userId }).delete()
  },
})

const toProfile = (rows: readonly Row[]): Profile =>
  Object.fromEntries(rows.map((row) => [row.name, JSON.parse(row.value) as JsonValue]))
