import type { Knex } from 'knex'

/** Of all accounts, the few that are looked for without their ids. */
export async function up(db: Knex): Promise<void> {
  await db.schema.alterTable('accounts', (table) => {
    table.index('user_id', 'accounts_erased', { predicate: db.whereRaw('is_erased') })
    table.index('user_id', 'accounts_admins', { predicate: db.whereRaw('is_admin') })
  })
}
