import type { Knex } from 'knex'

/** A Knex bound to the pool or to one transaction: store modules cannot tell which. */
export type Db = Knex
