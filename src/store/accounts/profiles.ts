import type { JsonValue } from '#protocol/events/event.ts'
import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

/** Fields by name, as the client API shows them. */
export type Profile = { [name: string]: JsonValue }

type Row = { user_id: UserId; name: string; value: string }

type Change = { user_id: UserId; change: string }

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

  /** Notes that the rooms of the user must show the profile anew; `change` tells it from changes before and after. */
  async markUnshown(userId: UserId, change: string): Promise<void> {
    await db<Change>('profile_changes').insert({ user_id: userId, change }).onConflict('user_id').merge()
  },

  /** The newest change that rooms of the user may not show yet. */
  async findUnshown(userId: UserId): Promise<string | undefined> {
    return (await db<Change>('profile_changes').where({ user_id: userId }).first())?.change
  },

  /** Users of whom rooms may not show the profile yet. */
  async listUnshown(): Promise<UserId[]> {
    return db<Change>('profile_changes').pluck('user_id')
  },

  /** Notes that all rooms show a change, unless it was followed by another. */
  async markShown(userId: UserId, change: string): Promise<void> {
    await db<Change>('profile_changes').where({ user_id: userId, change }).delete()
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('profile_fields').where({ user_id: userId }).delete()
  },
})

const toProfile = (rows: readonly Row[]): Profile =>
  Object.fromEntries(rows.map((row) => [row.name, JSON.parse(row.value) as JsonValue]))
