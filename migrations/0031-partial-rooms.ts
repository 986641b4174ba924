import type { Knex } from 'knex'

/** Rooms of which a join brought the state without most members, until these are here, and when they came. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('partial_rooms', (table) => {
    table.bigInteger('room_nid').primary()
    table.text('join_event_id').notNullable()
    table.text('servers').notNullable()
    table.bigInteger('completed_position')
  })
}
