import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { Db } from '#store/engine/db.ts'
import { lockFreeRows, lockRows } from '#store/engine/dialect.ts'
import type { Engine } from '#store/engine/engine.ts'

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'

export type Job = Readonly<{
  id: string
  kind: string
  /** Two requests with the same kind and key are one job. */
  key: string
  payload: JsonObject
  state: JobState
  /** Progress of the run, in a form of its kind. */
  progress: JsonValue | undefined
  result: JsonValue | undefined
  error: string | undefined
  /** Runs started since the last success. */
  attempts: number
  runAt: number
}>

export type NewJob = Readonly<{
  id: string
  kind: string
  key: string
  payload: JsonObject
  now: number
  runAt?: number
}>

/** One process's hold of a running job. */
export type JobHold = Readonly<{ id: string; fence: number }>

/** Times are in ms; a lease that lasts longer than `until` was taken by a clock that was ahead and does not count. */
export type JobClaim = Readonly<{
  kinds: readonly string[]
  owner: string
  now: number
  until: number
  /** Waits for a row that another transaction holds; rows are passed over otherwise. */
  waits?: boolean
}>

/** How a run ended. */
export type JobEnd =
  | { state: 'done'; result: JsonValue | undefined; now: number }
  | { state: 'failed' | 'cancelled'; error: string; now: number }
  | { state: 'waiting'; error: string; runAt: number }

type Row = {
  id: string
  kind: string
  job_key: string
  payload: string
  state: JobState
  is_repeated: boolean | number
  is_cancelled: boolean | number
  progress: string | null
  result: string | null
  error: string | null
  attempts: number
  run_at: number
  lease_owner: string | null
  lease_until: number
  fence: number
  created_at: number
  finished_at: number | null
}

/** Background work that survives a restart. */
export const jobs = (db: Db, kind: Engine['kind']) => {
  const held = ({ id, fence }: JobHold) => db<Row>('jobs').where({ id, fence, state: 'running' })

  return {
    /** Adds a job unless one of its kind and key exists, in any state; answers the id of that one. */
    async add(job: NewJob): Promise<string> {
      await db<Row>('jobs').insert(newRow(job)).onConflict(['kind', 'job_key']).ignore()
      const row = await db<Row>('jobs').where({ kind: job.kind, job_key: job.key }).first('id')
      return row?.id ?? job.id
    },

    /** Requests a run: a finished job of its kind and key starts again, a running one runs once more afterwards. */
    async addAgain(job: NewJob): Promise<void> {
      const row = newRow(job)
      const unlessRunning = (column: keyof Row) =>
        db.raw(`case when jobs.state = 'running' then jobs.?? else excluded.?? end`, [column, column])
      await db<Row>('jobs')
        .insert(row)
        .onConflict(['kind', 'job_key'])
        .merge({
          payload: row.payload,
          state: unlessRunning('state'),
          is_repeated: db.raw(`jobs.state = 'running'`),
          is_cancelled: false,
          run_at: unlessRunning('run_at'),
          attempts: unlessRunning('attempts'),
          // What has ended begins anew.
          progress: db.raw(`case when jobs.state in ('waiting', 'running') then jobs.progress end`),
          finished_at: null,
        } as unknown as Partial<Row>)
    },

    async find(id: string): Promise<Job | undefined> {
      const row = await db<Row>('jobs').where({ id }).first()
      return row && fromRow(row)
    },

    /** Takes the job that has been due longest, if there is one; two processes never take the same. */
    async claim({ kinds, owner, now, until, waits = false }: JobClaim): Promise<(Job & JobHold) | undefined> {
      const due = db<Row>('jobs')
        .whereIn('kind', [...kinds])
        .where(
          (row) =>
            void row
              .where((waiting) => void waiting.where({ state: 'waiting' }).where('run_at', '<=', now))
              .orWhere(
                (left) =>
                  void left
                    .where({ state: 'running' })
                    .where((free) => void free.where('lease_until', '<=', now).orWhere('lease_until', '>', until)),
              ),
        )
        .orderBy('run_at')
        .limit(1)
        .select('id')
      if (waits) lockRows(kind, due)
      else lockFreeRows(kind, due)
      const [row] = await db<Row>('jobs')
        .whereIn('id', due)
        .update({
          state: 'running',
          lease_owner: owner,
          lease_until: until,
          fence: db.raw('fence + 1') as unknown as number,
          attempts: db.raw('attempts + 1') as unknown as number,
        })
        .returning('*')
      return row && { ...fromRow(row), fence: Number(row.fence) }
    },

    /** Renews the lease; false when the job was cancelled or another process has taken it over. */
    async renew(hold: JobHold, until: number): Promise<'held' | 'lost' | 'cancelled'> {
      const [row] = await held(hold).update({ lease_until: until }).returning('is_cancelled')
      if (!row) return 'lost'
      return row.is_cancelled ? 'cancelled' : 'held'
    },

    /** Stores the progress of a run; false, with nothing written, when another process has taken it over. */
    async saveProgress(hold: JobHold, progress: JsonValue): Promise<boolean> {
      return (await held(hold).update({ progress: JSON.stringify(progress) })) === 1
    },

    /** Ends a run; a job that was requested again meanwhile becomes pending. False when another process has it. */
    async end(hold: JobHold, end: JobEnd): Promise<boolean> {
      const ended = { lease_owner: null, lease_until: 0, error: 'error' in end ? end.error : null }
      if (end.state === 'waiting')
        return (await held(hold).update({ ...ended, state: 'waiting', run_at: end.runAt })) === 1
      const result = 'result' in end && end.result !== undefined ? JSON.stringify(end.result) : null
      // All in one statement: what is asked for between two would be lost.
      const ifRepeated = (cases: string, ...values: (string | number | null)[]) =>
        db.raw(`case when is_repeated then ${cases} end`, values as never) as never
      const row: Partial<Row> = {
        ...ended,
        state: ifRepeated(`'waiting' else cast(? as text)`, end.state),
        is_repeated: false,
        progress: ifRepeated('null else progress'),
        result: ifRepeated('result else cast(? as text)', result),
        attempts: end.state === 'done' ? 0 : ifRepeated('0 else attempts'),
        run_at: ifRepeated('cast(? as bigint) else run_at', end.now),
        finished_at: ifRepeated('null else cast(? as bigint)', end.now),
      }
      return (await held(hold).update(row)) === 1
    },

    /** Cancels a job: a pending one at once, a running one at its next lease renewal. False when it has ended. */
    async cancel(id: string, now: number): Promise<boolean> {
      // In one statement, since a run that fails begins to wait.
      const ifWaiting = (cases: string, ...values: number[]) =>
        db.raw(`case when state = 'waiting' then ${cases} end`, values) as never
      const cancelled = await db<Row>('jobs')
        .where({ id })
        .whereIn('state', ['waiting', 'running'])
        .update({
          state: ifWaiting(`'cancelled' else state`),
          finished_at: ifWaiting('cast(? as bigint) else finished_at', now),
          is_cancelled: db.raw(`state = 'running'`) as never,
          is_repeated: false,
        })
      return cancelled === 1
    },

    /** When the next job of these kinds is due, counting running ones whose lease expires. */
    async nextDue(kinds: readonly string[]): Promise<number | undefined> {
      const rows = (await db('jobs')
        .whereIn('kind', [...kinds])
        .whereIn('state', ['waiting', 'running'])
        .groupBy('state')
        .select('state')
        .min({ run_at: 'run_at', lease_until: 'lease_until' })) as Pick<Row, 'state' | 'run_at' | 'lease_until'>[]
      const times = rows.map((row) => Number(row.state === 'waiting' ? row.run_at : row.lease_until))
      return times.length === 0 ? undefined : Math.min(...times)
    },

    /** Ends the leases of processes that are gone, for the only one there is: running jobs are due at once. */
    async releaseAll(): Promise<void> {
      await db<Row>('jobs').where({ state: 'running' }).update({ lease_owner: null, lease_until: 0 })
    },

    /** Deletes jobs that ended before a time in ms. */
    async deleteFinishedBefore(before: number): Promise<void> {
      await db<Row>('jobs').whereIn('state', ['done', 'failed', 'cancelled']).where('finished_at', '<', before).delete()
    },
  }
}

const newRow = ({ id, kind, key, payload, now, runAt = now }: NewJob) => ({
  id,
  kind,
  job_key: key,
  payload: JSON.stringify(payload),
  state: 'waiting' as const,
  run_at: runAt,
  created_at: now,
})

const parsed = (json: string | null): JsonValue | undefined =>
  json === null ? undefined : (JSON.parse(json) as JsonValue)

const fromRow = (row: Row): Job => ({
  id: row.id,
  kind: row.kind,
  key: row.job_key,
  payload: JSON.parse(row.payload) as JsonObject,
  state: row.state,
  progress: parsed(row.progress),
  result: parsed(row.result),
  error: row.error ?? undefined,
  attempts: Number(row.attempts),
  runAt: Number(row.run_at),
})
