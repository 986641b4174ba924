import type { Knex } from 'knex'

/** Jobs run purges: their lease is the only one. A room that was hidden and then failed to be collected is taken up again. */
export async function up(db: Knex): Promise<void> {
  for (const column of ['lease_owner', 'lease_until']) await db.raw('alter table purges drop column ??', [column])
  await db('purges')
    .where({ kind: 'room', status: 'failed' })
    .whereNotNull('step')
    .whereNotIn('room_id', db('rooms').select('room_id'))
    .update({ status: 'retrying' })
  await db.raw(`insert into jobs (id, kind, job_key, payload, state, run_at, created_at)
    select distinct 'purge ' || kind || ' ' || room_id, case when kind = 'room' then 'delete-room' else 'purge-history' end,
      room_id, '{}', 'waiting', 0, 0
    from purges where status in ('scheduled', 'active', 'retrying')`)
}
