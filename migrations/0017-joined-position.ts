import type { Knex } from 'knex'

/** Since when a member has been in the room without a break; rows of before learn it with their next change. */
export async function up(db: Knex): Promise<void> {
  await db.schema.alterTable('memberships', (table) => {
    table.bigInteger('joined_position')
  })
}
