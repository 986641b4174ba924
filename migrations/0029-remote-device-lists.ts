import type { Knex } from 'knex'

/** Device lists of users of other servers, kept as long as one of our users shares a room with them. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('remote_device_lists', (table) => {
    table.text('user_id').primary()
    table.bigInteger('stream_id').notNullable()
    table.boolean('is_stale').notNullable()
    // Tells whether an update came while the list was fetched.
    table.bigInteger('version').notNullable()
  })
  await db.schema.alterTable('device_keys', (table) => {
    table.text('remote_name')
  })
  await db.schema.createTable('sent_device_lists', (table) => {
    table.text('server_name').notNullable()
    table.text('user_id').notNullable()
    table.bigInteger('stream_id').notNullable()
    table.primary(['server_name', 'user_id'])
    table.index('user_id')
  })
}
