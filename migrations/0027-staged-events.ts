import type { Knex } from 'knex'

/** Events of other servers that were taken and wait for their turn. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('staged_events', (table) => {
    // In the order in which they came.
    table.bigIncrements('place')
    table.text('room_id').notNullable()
    table.text('event_id').notNullable()
    table.text('origin').notNullable()
    table.text('pdu').notNullable()
    table.unique(['room_id', 'event_id'])
  })
}
