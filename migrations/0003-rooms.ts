import type { Knex } from 'knex'

/** A 64-bit key; SQLite makes it the row itself only when its type reads `integer`. */
const bigKey = (db: Knex): string => (db.client.config.client === 'pg' ? 'bigint' : 'integer')

export async function up(db: Knex): Promise<void> {
  await createStreams(db)
  await createRooms(db)
  await createEvents(db)
  await createState(db)
  await createRelations(db)
}

async function createStreams(db: Knex): Promise<void> {
  await db.schema.createTable('streams', (table) => {
    table.text('name').primary()
    table.bigInteger('position').notNullable()
  })
  const names = ['events', 'account_data', 'receipts', 'to_device', 'device_lists', 'presence']
  await db('streams').insert(names.map((name) => ({ name, position: 0 })))
}

/**
 * One row a room; `nid` is the position of its create event. What every event changes stands in no index, so that
 * PostgreSQL can write the row anew beside the old one.
 */
async function createRooms(db: Knex): Promise<void> {
  await db.schema.createTable('rooms', (table) => {
    table.specificType('nid', bigKey(db)).primary()
    table.text('room_id').notNullable().unique()
    table.text('version').notNullable()
    table.bigInteger('line_version').notNullable()
    table.text('heads').notNullable()
    table.bigInteger('depth').notNullable()
    table.bigInteger('last_position').notNullable()
    table.boolean('is_published').notNullable().defaultTo(false)
  })
}

/** The event as clients see it and what only the graph needs, so that a reader takes the first as it stands. */
async function createEvents(db: Knex): Promise<void> {
  await db.schema.createTable('events', (table) => {
    table.specificType('position', bigKey(db)).primary()
    table.text('event_id').notNullable().unique()
    table.bigInteger('room_nid').notNullable()
    table.text('type').notNullable()
    table.text('state_key')
    table.text('sender').notNullable()
    table.bigInteger('origin_server_ts').notNullable()
    table.text('client_json').notNullable()
    table.text('graph_json').notNullable()
    table.smallint('status').notNullable()
    table.text('redacted_by')
    table.index(['room_nid', 'position'])
  })
  await db.schema.createTable('event_transactions', (table) => {
    table.specificType('position', bigKey(db)).primary()
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('scope').notNullable()
    table.text('transaction_id').notNullable()
    table.text('event_id').notNullable()
    table.bigInteger('created_at').notNullable()
    table.unique(['user_id', 'device_id', 'scope', 'transaction_id'])
  })
}

/** Spans: which event held a state key from one position until the next; an open span is the current state. */
async function createState(db: Knex): Promise<void> {
  await db.schema.createTable('state_keys', (table) => {
    table.increments('nid')
    table.text('type').notNullable()
    table.text('state_key').notNullable()
    table.unique(['type', 'state_key'])
  })
  await db.schema.createTable('room_state', (table) => {
    table.bigInteger('room_nid').notNullable()
    table.bigInteger('key_nid').notNullable()
    table.bigInteger('from_position').notNullable()
    table.bigInteger('to_position')
    table.bigInteger('event_position').notNullable()
    table.primary(['room_nid', 'key_nid', 'from_position'])
    table.index(['room_nid', 'from_position'])
    table.index(['room_nid', 'key_nid'], 'room_state_current', { predicate: db.whereNull('to_position') })
  })
  await db.schema.createTable('memberships', (table) => {
    table.bigInteger('room_nid').notNullable()
    table.text('user_id').notNullable()
    table.text('membership').notNullable()
    table.text('sender').notNullable()
    table.bigInteger('position').notNullable()
    table.boolean('is_forgotten').notNullable().defaultTo(false)
    table.text('stripped_state')
    table.primary(['user_id', 'room_nid'])
    table.index(['room_nid', 'membership'])
  })
}

async function createRelations(db: Knex): Promise<void> {
  await db.schema.createTable('relations', (table) => {
    table.text('parent_id').notNullable()
    table.text('rel_type').notNullable()
    table.bigInteger('position').notNullable()
    table.bigInteger('room_nid').notNullable()
    table.text('sender').notNullable()
    table.primary(['parent_id', 'position'])
    table.index(['room_nid', 'rel_type', 'position'])
  })
}
