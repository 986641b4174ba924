import type { Knex } from 'knex'

/** What users keep for themselves, and what they tell others of their reading. */
export async function up(db: Knex): Promise<void> {
  await createAccountData(db)
  await createFilters(db)
  await createReceipts(db)
  await createPushers(db)
  await createOpenidTokens(db)
}

/** Room '' stands for no room. Push rules lie here too, as what differs from the default ones. */
async function createAccountData(db: Knex): Promise<void> {
  await db.schema.createTable('account_data', (table) => {
    table.text('user_id').notNullable()
    table.text('room_id').notNullable()
    table.text('type').notNullable()
    table.text('content').notNullable()
    table.bigInteger('position').notNullable()
    table.primary(['user_id', 'room_id', 'type'])
    table.index(['user_id', 'position'])
  })
}

/** The id is a hash of the filter, so that a filter told again is the same. */
async function createFilters(db: Knex): Promise<void> {
  await db.schema.createTable('filters', (table) => {
    table.text('user_id').notNullable()
    table.text('filter_id').notNullable()
    table.text('filter').notNullable()
    table.primary(['user_id', 'filter_id'])
  })
}

/** Thread '' stands for a receipt without thread. */
async function createReceipts(db: Knex): Promise<void> {
  await db.schema.createTable('receipts', (table) => {
    table.text('room_id').notNullable()
    table.text('user_id').notNullable()
    table.text('type').notNullable()
    table.text('thread_id').notNullable()
    table.text('event_id').notNullable()
    table.bigInteger('event_position').notNullable()
    table.bigInteger('received_at').notNullable()
    table.bigInteger('position').notNullable()
    table.primary(['room_id', 'user_id', 'type', 'thread_id'])
    table.index(['room_id', 'position'])
  })
}

async function createPushers(db: Knex): Promise<void> {
  await db.schema.createTable('pushers', (table) => {
    table.text('user_id').notNullable()
    table.text('app_id').notNullable()
    table.text('pushkey').notNullable()
    table.text('device_id')
    table.text('pusher').notNullable()
    table.bigInteger('created_at').notNullable()
    table.primary(['user_id', 'app_id', 'pushkey'])
    table.index(['app_id', 'pushkey'])
  })
}

async function createOpenidTokens(db: Knex): Promise<void> {
  await db.schema.createTable('openid_tokens', (table) => {
    table.text('token_hash').primary()
    table.text('user_id').notNullable()
    table.bigInteger('expires_at').notNullable().index()
  })
}
