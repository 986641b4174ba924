import type { Knex } from 'knex'

/** Changes of profiles that the rooms of their users do not show yet. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('profile_changes', (table) => {
    table.text('user_id').primary()
    table.text('change').notNullable()
  })
}
