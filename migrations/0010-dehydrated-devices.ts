import type { Knex } from 'knex'

/** The one device of a user that nobody is logged in on; its other parts stand where those of every device do. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('dehydrated_devices', (table) => {
    table.text('user_id').primary()
    table.text('device_id').notNullable()
    table.text('device_data').notNullable()
  })
}
