import type { Knex } from 'knex'

/** Joins that brought the state of a room without most members, and when these came. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('partial_rooms', (table) => {
    table.bigInteger('room_nid').notNullable()
    table.text('join_event_id').notNullable()
    table.text('servers').notNullable()
    table.bigInteger('completed_position')
    table.boolean('is_corrected').notNullable().defaultTo(false)
    table.primary(['room_nid', 'join_event_id'])
  })
}
