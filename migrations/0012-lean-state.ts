import type { Knex } from 'knex'

const isPostgres = (db: Knex): boolean => db.client.config.client === 'pg'

/**
 * State in fewer bytes: rooms are numbered by a counter of their own, a span says who holds it only where that is not
 * the event that began it, and what an event rests on stands in its own row.
 */
export async function up(db: Knex): Promise<void> {
  await countRooms(db)
  await keepAuthWithEvents(db)
  await rebuildRoomState(db)
}

/** New rooms get small numbers; those that exist keep the position of their create event. */
async function countRooms(db: Knex): Promise<void> {
  const row = (await db('rooms').max('nid as position').first()) as { position: number | null } | undefined
  await db('streams').insert({ name: 'rooms', position: row?.position ?? 0 })
  // The time before a room was told by the position before its number.
  await db.raw('update event_branches set base_position = 0 where hops = 0 and base_position = room_nid - 1')
}

type IndexRow = { room_nid: number; nid: number; position: number | null; auth: string }

async function keepAuthWithEvents(db: Knex): Promise<void> {
  await db.schema.alterTable('events', (table) => {
    table.text('auth')
    table.bigInteger('former_position')
  })
  for (let after = [-1, 0]; ;) {
    const rows = (await db('auth_index')
      .whereRaw('(room_nid, nid) > (?, ?)', after)
      .orderBy(['room_nid', 'nid'])
      .limit(1000)) as IndexRow[]
    for (const { nid, position, auth } of rows)
      await db('events')
        .where({ position: position ?? nid })
        .update({ auth: gaps(JSON.parse(auth) as number[]), former_position: position === null ? null : nid })
    const last = rows.at(-1)
    if (!last) break
    after = [last.room_nid, last.nid]
  }
  await db.schema.dropTable('auth_index')
  // Of the room alone: PostgreSQL then keeps one list for each room, and SQLite orders it by position in any case.
  await db.schema.alterTable('events', (table) => {
    table.index('room_nid', 'events_auth', { predicate: db.whereNotNull('auth') })
  })
}

/** The smallest number, then how far each is from the one before. */
function gaps(numbers: number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted.map((number, index) => number - (index > 0 ? (sorted[index - 1] as number) : 0)).join()
}

async function rebuildRoomState(db: Knex): Promise<void> {
  const number = isPostgres(db) ? 'integer' : 'bigint'
  await db.schema.renameTable('room_state', 'former_room_state')
  await db.schema.createTable('room_state', (table) => {
    // The narrow columns together: PostgreSQL aligns the wide ones.
    table.specificType('room_nid', number).notNullable()
    table.specificType('key_nid', number).notNullable()
    table.bigInteger('from_position').notNullable()
    table.bigInteger('to_position')
    table.bigInteger('event_position')
  })
  await db.raw(
    `insert into room_state select room_nid, key_nid, from_position, to_position,
      case when event_position = from_position then null else event_position end
      from former_room_state order by from_position`,
  )
  await db.schema.dropTable('former_room_state')
  await db.schema.alterTable('room_state', (table) => {
    table.index(['room_nid', 'key_nid'], 'room_state_key')
    table.index(['room_nid', 'from_position'], 'room_state_from')
    table.index('room_nid', 'room_state_open', { predicate: db.whereNull('to_position') })
  })
}
