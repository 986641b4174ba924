import type { Knex } from 'knex'

/** Accounts, their devices and every secret that stands for one of them (kept as SHA-256 only). */
export async function up(db: Knex): Promise<void> {
  await accounts(db)
  await devices(db)
  await tokens(db)
  await registration(db)
  await interactiveSessions(db)
}

async function accounts(db: Knex): Promise<void> {
  await db.schema.createTable('accounts', (table) => {
    table.text('user_id').primary()
    table.text('folded_id').notNullable().index()
    table.text('password_hash')
    table.boolean('is_admin').notNullable()
    table.text('user_type')
    table.text('appservice_id')
    table.bigInteger('created_at').notNullable().index()
    table.bigInteger('deactivated_at')
    table.boolean('is_erased').notNullable()
    table.boolean('is_locked').notNullable()
    table.boolean('is_suspended').notNullable()
  })
  await db.schema.createTable('profile_fields', (table) => {
    table.text('user_id').notNullable()
    table.text('name').notNullable()
    table.text('value').notNullable()
    table.primary(['user_id', 'name'])
  })
}

async function devices(db: Knex): Promise<void> {
  await db.schema.createTable('devices', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('display_name')
    table.bigInteger('created_at').notNullable()
    table.bigInteger('last_seen_at')
    table.text('last_seen_ip')
    table.text('last_seen_user_agent')
    table.primary(['user_id', 'device_id'])
  })
}

async function tokens(db: Knex): Promise<void> {
  await db.schema.createTable('access_tokens', (table) => {
    table.text('token_hash').primary()
    table.text('user_id').notNullable()
    table.text('device_id')
    table.bigInteger('created_at').notNullable()
    table.bigInteger('expires_at')
    table.text('replaces').index()
    table.index(['user_id', 'device_id'])
  })
  await db.schema.createTable('refresh_tokens', (table) => {
    table.text('token_hash').primary()
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('access_hash').notNullable()
    table.bigInteger('created_at').notNullable()
    table.bigInteger('revoked_at')
    table.text('replaces').index()
    table.index(['user_id', 'device_id'])
  })
  await db.schema.createTable('login_tokens', (table) => {
    table.text('token_hash').primary()
    table.text('user_id').notNullable().index()
    table.bigInteger('expires_at').notNullable().index()
  })
}

async function registration(db: Knex): Promise<void> {
  await db.schema.createTable('registration_tokens', (table) => {
    table.text('token_hash').primary()
    table.text('token')
    table.integer('uses_allowed')
    table.integer('uses').notNullable()
    table.bigInteger('expires_at')
    table.boolean('grants_admin').notNullable()
    table.bigInteger('created_at').notNullable()
  })
  await db.schema.createTable('registration_nonces', (table) => {
    table.text('nonce_hash').primary()
    table.bigInteger('expires_at').notNullable().index()
  })
}

async function interactiveSessions(db: Knex): Promise<void> {
  await db.schema.createTable('interactive_sessions', (table) => {
    table.text('session_hash').primary()
    table.text('user_id').index()
    table.text('operation').notNullable()
    table.text('flows').notNullable()
    table.text('sealed_body').notNullable()
    table.text('completed').notNullable()
    table.bigInteger('expires_at').notNullable().index()
  })
}
