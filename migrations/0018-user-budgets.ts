import type { Knex } from 'knex'

const isPostgres = (db: Knex): boolean => db.client.config.client === 'pg'

/** What bounds users in bytes, and what was handed out or finished once and must not be again. */
export async function up(db: Knex): Promise<void> {
  await rememberClaims(db)
  await markFormerKeys(db)
  await bindOpenidTokens(db)
  await countBytes(db)
  await boundInteractiveSessions(db)
}

/** Claims of a device are numbered, so that the oldest can be forgotten without counting. */
async function rememberClaims(db: Knex): Promise<void> {
  await db.schema.createTable('claimed_keys', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.bigInteger('number').notNullable()
    table.text('fingerprint').notNullable()
    table.primary(['user_id', 'device_id', 'number'])
    table.index(['user_id', 'device_id', 'fingerprint'])
  })
  await db.schema.alterTable('key_stocks', (table) => {
    table.bigInteger('claims').notNullable().defaultTo(0)
  })
}

/** Keys of a login that has ended give way to those of the next one. */
async function markFormerKeys(db: Knex): Promise<void> {
  await db.schema.alterTable('device_keys', (table) => {
    table.boolean('is_former').notNullable().defaultTo(false)
  })
}

/** Such a token ends with the session that asked for it; those of before live an hour at most. */
async function bindOpenidTokens(db: Knex): Promise<void> {
  await db('openid_tokens').delete()
  await db.schema.alterTable('openid_tokens', (table) => {
    table.text('device_id').notNullable().defaultTo('')
    table.index(['user_id', 'device_id'])
  })
}

/** Sums over a user are read from an index that holds the sizes, not from what is measured. */
async function countBytes(db: Knex): Promise<void> {
  for (const [table, measured] of [
    ['account_data', 'content'],
    ['to_device_messages', 'content'],
    ['key_backup_sessions', 'session_data'],
    ['filters', 'filter'],
  ] as const) {
    await db.schema.alterTable(table, (altered) => {
      altered.bigInteger('bytes').notNullable().defaultTo(0)
    })
    await db(table).update({
      bytes: db.raw(isPostgres(db) ? 'octet_length(??)' : 'length(cast(?? as blob))', measured),
    })
  }
  await db.schema.alterTable('account_data', (table) => table.index(['user_id', 'bytes']))
  await db.schema.alterTable('to_device_messages', (table) =>
    table.index(['user_id', 'device_id', 'sender', 'position', 'bytes'], 'to_device_messages_sizes'),
  )
  await db.schema.alterTable('filters', (table) => table.index(['user_id', 'bytes']))
  await db.schema.alterTable('key_backups', (table) => {
    table.bigInteger('bytes').notNullable().defaultTo(0)
  })
  await db.raw(
    `update key_backups set bytes = (select coalesce(sum(bytes), 0) from key_backup_sessions as session
       where session.user_id = key_backups.user_id and session.version = key_backups.version)`,
  )
}

/** A registration that has finished answers its repetition until the session ends; `owner` is whom a session counts for. */
async function boundInteractiveSessions(db: Knex): Promise<void> {
  await db('interactive_sessions').delete()
  await db.schema.alterTable('interactive_sessions', (table) => {
    table.text('owner').notNullable().defaultTo('')
    table.text('registered')
    table.index(['owner', 'expires_at'])
  })
}
