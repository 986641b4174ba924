import type { Knex } from 'knex'

/**
 * Invites and knocks of users here in rooms that this server is not in, with what they were shown of the room; and the
 * membership events that servers gave to this one to send on to the others of a room.
 */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('outside_memberships', (table) => {
    table.text('user_id').notNullable()
    table.bigInteger('room_nid').notNullable()
    table.bigInteger('position').notNullable()
    table.text('event_id').notNullable()
    table.text('client_json').notNullable()
    table.text('shown_state').notNullable()
    table.text('servers').notNullable()
    table.primary(['user_id', 'room_nid'])
    table.index('room_nid')
  })
}
