import type { Knex } from 'knex'

/** Redactions that came before what they redact; looked up by the target when that comes. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('early_redactions', (table) => {
    table.specificType('position', db.client.config.client === 'pg' ? 'bigint' : 'integer').primary()
    table.bigInteger('room_nid').notNullable()
    table.text('target_id').notNullable()
    table.index('target_id')
    table.index('room_nid')
  })
}
