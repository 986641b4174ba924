import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('room_aliases', (table) => {
    table.text('alias').primary()
    table.text('room_id').notNullable()
    table.text('created_by').notNullable()
    table.bigInteger('created_at').notNullable()
    table.index('room_id')
    table.index('created_by')
  })
}
