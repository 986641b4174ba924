import type { Knex } from 'knex'

/**
 * Which rooms are known only from a join under way. Every other room here has, or had, a member with an account here.
 */
export async function up(db: Knex): Promise<void> {
  await db.schema.alterTable('rooms', (table) => {
    table.boolean('is_placeholder').notNullable().defaultTo(false)
  })
  await db('rooms')
    .whereNotExists(
      db('memberships as m')
        .join('accounts as a', 'a.user_id', 'm.user_id')
        .whereRaw('m.room_nid = rooms.nid')
        .select(db.raw('1')),
    )
    .update({ is_placeholder: true })
}
