import type { Knex } from 'knex'

/** Signing keys of other servers, and the signed answers in which these published them. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('server_keys', (table) => {
    table.text('server_name').notNullable()
    table.text('key_id').notNullable()
    table.text('public_key').notNullable()
    table.bigInteger('valid_until').notNullable()
    table.bigInteger('expired_at')
    table.primary(['server_name', 'key_id'])
  })
  await db.schema.createTable('server_key_answers', (table) => {
    table.text('server_name').primary()
    table.text('answer').notNullable()
    table.bigInteger('valid_until').notNullable()
    table.bigInteger('fetched_at').notNullable()
    table.index('fetched_at')
  })
}
