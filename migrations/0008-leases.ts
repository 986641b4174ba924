import type { Knex } from 'knex'

/** Recurring work that one of all processes does: whoever takes the lease, until it ends. */
export async function up(db: Knex): Promise<void> {
  await db.schema.createTable('leases', (table) => {
    table.text('name').primary()
    table.bigInteger('until').notNullable()
  })
}
