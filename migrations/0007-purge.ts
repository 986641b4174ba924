import type { Knex } from 'knex'

/** What is to be collected: a room's history up to a position, or all that is left of a room. */
export async function up(db: Knex): Promise<void> {
  await db.schema.alterTable('rooms', (table) => {
    // Nobody is shown what happened up to here.
    table.bigInteger('purged_up_to').notNullable().defaultTo(0)
  })
  await db.schema.createTable('purges', (table) => {
    table.text('id').primary()
    table.text('kind').notNullable()
    table.text('room_id').notNullable().index()
    table.bigInteger('room_nid')
    table.text('status').notNullable().index()
    table.text('plan').notNullable()
    table.text('step')
    table.bigInteger('cursor').notNullable().defaultTo(0)
    table.text('lease_owner')
    table.bigInteger('lease_until').notNullable().defaultTo(0)
    table.bigInteger('created_at').notNullable()
  })
  await db.schema.createTable('blocked_rooms', (table) => {
    table.text('room_id').primary()
    table.text('blocked_by').notNullable()
  })
}
