import type { Knex } from 'knex'

/** The presence of users as it last changed: followers hear of what comes next also after a restart. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('presences', (table) => {
    table.text('user_id').primary()
    table.text('state').notNullable()
    table.text('status')
    table.bigInteger('active_at')
    table.bigInteger('serial').notNullable().index()
    table.text('devices').notNullable()
  })
}
