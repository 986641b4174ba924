import type { Knex } from 'knex'

/**
 * Events of other servers that were taken and wait for their turn, and the gaps in the histories of rooms, with what came
 * into them later.
 */
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
  await db.schema.createTable('history_gaps', (table) => {
    table.bigInteger('room_nid').notNullable()
    // Of the event at its upper end.
    table.bigInteger('position').notNullable()
    table.bigInteger('next_position').notNullable()
    table.bigInteger('first_position').notNullable()
    table.text('edges').notNullable()
    table.primary(['room_nid', 'position'])
  })
  await db.schema.alterTable('events', (table) => {
    table.boolean('is_history').notNullable().defaultTo(false)
  })
}
