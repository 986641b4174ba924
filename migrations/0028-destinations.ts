import type { Knex } from 'knex'

/** What other servers are yet to be sent. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('destinations', (table) => {
    table.text('server_name').primary()
    // Everything for it up to this position is sent.
    table.bigInteger('last_sent').notNullable().defaultTo(0)
    // Null while it answers.
    table.bigInteger('failing_since')
    table.bigInteger('tried_at')
    table.bigInteger('retry_at')
    table.bigInteger('retry_interval')
    table.text('last_error')
    table.index('failing_since')
  })
  await db.schema.createTable('destination_rooms', (table) => {
    table.text('server_name').notNullable()
    table.bigInteger('room_nid').notNullable()
    // Of the newest event of the room that is for the server.
    table.bigInteger('position').notNullable()
    table.primary(['server_name', 'room_nid'])
    table.index(['server_name', 'position'])
    table.index('room_nid')
  })
  await db.schema.createTable('outgoing_edus', (table) => {
    table.bigInteger('position').primary()
    table.text('server_name').notNullable()
    table.text('type').notNullable()
    table.text('content').notNullable()
    // A later one with the same key takes its place; null: each counts.
    table.text('edu_key')
    table.integer('bytes').notNullable()
    table.index(['server_name', 'position'])
    table.unique(['server_name', 'edu_key'])
  })
  await db.schema.createTable('relayed_events', (table) => {
    table.text('event_id').primary()
    table.text('origin').notNullable()
    table.bigInteger('created_at').notNullable()
    table.index('created_at')
  })
  await db('streams').insert({ name: 'outgoing_edus', position: 0 })
}
