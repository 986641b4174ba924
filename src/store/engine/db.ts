import type { Knex } from 'knex'

/** A Knex bound to the pool or to one transaction; store modules work with either. */
export type Db = Knex
