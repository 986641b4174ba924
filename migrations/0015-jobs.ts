import type { Knex } from 'knex'

/** Work besides requests: how far followers of the streams have come, and jobs that outlive a process. */
export async function up(db: Knex): Promise<void> {
  await createCursors(db)
  await createJobs(db)
  await indexStreams(db)
}

/** `positions` is a JSON object of streams; `fence` grows with every change of hands. */
async function createCursors(db: Knex): Promise<void> {
  await db.schema.createTable('cursors', (table) => {
    table.text('name').primary()
    table.text('positions').notNullable()
    table.text('lease_owner')
    table.bigInteger('lease_until').notNullable().defaultTo(0)
    table.bigInteger('fence').notNullable().defaultTo(0)
  })
}

/** `payload`, `progress` and `result` are JSON. */
async function createJobs(db: Knex): Promise<void> {
  await db.schema.createTable('jobs', (table) => {
    table.text('id').primary()
    table.text('kind').notNullable()
    table.text('job_key').notNullable()
    table.text('payload').notNullable()
    table.text('state').notNullable()
    // Asked for once more while it was running.
    table.boolean('is_repeated').notNullable().defaultTo(false)
    table.boolean('is_cancelled').notNullable().defaultTo(false)
    table.text('progress')
    table.text('result')
    table.text('error')
    table.bigInteger('attempts').notNullable().defaultTo(0)
    table.bigInteger('run_at').notNullable()
    table.text('lease_owner')
    table.bigInteger('lease_until').notNullable().defaultTo(0)
    table.bigInteger('fence').notNullable().defaultTo(0)
    table.bigInteger('created_at').notNullable()
    table.bigInteger('finished_at')
    table.unique(['kind', 'job_key'])
    table.index(['state', 'run_at'])
  })
  await db.raw(`insert into jobs (id, kind, job_key, payload, state, run_at, created_at)
    select 'show-profile ' || user_id, 'show-profile', user_id, '{}', 'waiting', 0, 0 from profile_changes`)
  await db.schema.dropTable('profile_changes')
}

/** Followers read these streams by position alone. */
async function indexStreams(db: Knex): Promise<void> {
  for (const name of ['receipts', 'account_data', 'to_device_messages'])
    await db.schema.alterTable(name, (table) => void table.index('position', `${name}_stream`))
}
