import type { Knex } from 'knex'

/** One row: whose data this is, and how many processes have claimed it (on PostgreSQL). */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('deployment', (table) => {
    table.text('server_name').primary()
    table.text('key_id').notNullable()
    table.text('public_key').notNullable()
    table.bigInteger('epoch').notNullable()
  })
}
