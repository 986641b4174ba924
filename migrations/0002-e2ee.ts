import type { Knex } from 'knex'

export async function up(db: Knex): Promise<void> {
  await createDeviceKeys(db)
  await createOneTimeKeys(db)
  await createCrossSigning(db)
  await createDeviceLists(db)
  await createToDevice(db)
  await createKeyBackups(db)
}

/** `identity` is canonical JSON without signatures; `signatures` maps key ids of the same user to signatures. */
async function createDeviceKeys(db: Knex): Promise<void> {
  await db.schema.createTable('device_keys', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('identity').notNullable()
    table.text('signatures').notNullable()
    table.primary(['user_id', 'device_id'])
  })
}

/** The id orders keys by upload. A stock row sums a device up for /sync and is the lock of all changes to its keys. */
async function createOneTimeKeys(db: Knex): Promise<void> {
  await db.schema.createTable('one_time_keys', (table) => {
    table.bigIncrements('id')
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('algorithm').notNullable()
    table.text('key_id').notNullable()
    table.text('key_json').notNullable()
    table.unique(['user_id', 'device_id', 'algorithm', 'key_id'])
    table.index(['user_id', 'device_id', 'algorithm', 'id'])
  })
  await db.schema.createTable('fallback_keys', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('algorithm').notNullable()
    table.text('key_id').notNullable()
    table.text('key_json').notNullable()
    table.boolean('is_used').notNullable()
    table.primary(['user_id', 'device_id', 'algorithm'])
  })
  await db.schema.createTable('key_stocks', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('one_time_key_counts').notNullable()
    table.text('unused_fallback_types').notNullable()
    table.primary(['user_id', 'device_id'])
  })
}

async function createCrossSigning(db: Knex): Promise<void> {
  await db.schema.createTable('cross_signing_keys', (table) => {
    table.text('user_id').notNullable()
    table.text('usage').notNullable()
    table.text('public_key').notNullable()
    table.text('key_json').notNullable()
    table.primary(['user_id', 'usage'])
  })
  await db.schema.createTable('cross_signing_signatures', (table) => {
    table.text('target_user').notNullable()
    table.text('target_key').notNullable()
    table.text('signer_user').notNullable()
    table.text('signer_key').notNullable()
    table.text('signature').notNullable()
    table.primary(['target_user', 'target_key', 'signer_user', 'signer_key'])
    table.index(['target_user', 'signer_user'])
    table.index(['signer_user', 'signer_key'])
  })
  await db.schema.createTable('cross_signing_permits', (table) => {
    table.text('user_id').primary()
    table.bigInteger('until').notNullable()
  })
}

/** The newest change of each device; device '' stands for cross-signing keys, observer '' for everybody. */
async function createDeviceLists(db: Knex): Promise<void> {
  await db.schema.createTable('device_list_changes', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('observer_id').notNullable()
    table.bigInteger('position').notNullable()
    table.primary(['user_id', 'device_id', 'observer_id'])
    table.index('position')
  })
}

async function createToDevice(db: Knex): Promise<void> {
  await db.schema.createTable('to_device_messages', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.bigInteger('position').notNullable()
    table.text('sender').notNullable()
    table.text('type').notNullable()
    table.text('content').notNullable()
    table.primary(['user_id', 'device_id', 'position'])
  })
  await db.schema.createTable('to_device_transactions', (table) => {
    table.text('user_id').notNullable()
    table.text('device_id').notNullable()
    table.text('type').notNullable()
    table.text('transaction_id').notNullable()
    table.bigInteger('created_at').notNullable()
    table.primary(['user_id', 'device_id', 'type', 'transaction_id'])
    table.index('created_at')
  })
}

/** A deleted backup keeps its row only while its version is the user's highest. */
async function createKeyBackups(db: Knex): Promise<void> {
  await db.schema.createTable('key_backups', (table) => {
    table.text('user_id').notNullable()
    table.bigInteger('version').notNullable()
    table.text('algorithm').notNullable()
    table.text('auth_data').notNullable()
    table.bigInteger('etag').notNullable()
    table.bigInteger('key_count').notNullable()
    table.boolean('is_deleted').notNullable()
    table.primary(['user_id', 'version'])
  })
  await db.schema.createTable('key_backup_sessions', (table) => {
    table.text('user_id').notNullable()
    table.bigInteger('version').notNullable()
    table.text('room_id').notNullable()
    table.text('session_id').notNullable()
    table.bigInteger('first_message_index').notNullable()
    table.bigInteger('forwarded_count').notNullable()
    table.boolean('is_verified').notNullable()
    table.text('session_data').notNullable()
    table.primary(['user_id', 'version', 'room_id', 'session_id'])
  })
}
