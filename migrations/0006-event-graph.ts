import type { Knex } from 'knex'

/** A 64-bit key; SQLite makes it the row itself only when its type reads `integer`. */
const bigKey = (db: Knex): string => (db.client.config.client === 'pg' ? 'bigint' : 'integer')

export async function up(db: Knex): Promise<void> {
  await createBranches(db)
  await createAuthIndex(db)
  // Events without a place in the timeline are counted downwards from -1.
  await db('streams').insert({ name: 'outliers', position: 0 })
}

/** The state before an event that forks: a base, and what differs from it. Other events have the room's line before them. */
async function createBranches(db: Knex): Promise<void> {
  await db.schema.createTable('event_branches', (table) => {
    table.specificType('position', bigKey(db)).primary()
    table.bigInteger('room_nid').notNullable()
    table.bigInteger('base_position').notNullable()
    table.smallint('hops').notNullable()
    table.text('delta').notNullable()
    table.index('room_nid')
  })
}

/** What each allowed state event rests on, by numbers that stay when the event gets another position. */
async function createAuthIndex(db: Knex): Promise<void> {
  await db.schema.createTable('auth_index', (table) => {
    table.bigInteger('room_nid').notNullable()
    table.bigInteger('nid').notNullable()
    table.text('auth').notNullable()
    table.bigInteger('position')
    table.primary(['room_nid', 'nid'])
    table.index('position', 'auth_index_moved', { predicate: db.whereNotNull('position') })
  })
}
