import type { Bulk, ColumnType } from '#store/engine/bulk.ts'

const big = 'bigint'
const text = 'text'

type Columns = Readonly<Record<string, ColumnType>>
type Shape = Omit<Bulk, 'rows'>
const insert = (table: string, columns: Columns): Shape => ({ kind: 'insert', table, columns, key: [] })
const update = (table: string, key: readonly string[], columns: Columns): Shape => ({
  kind: 'update',
  table,
  columns,
  key,
})

/** What a batch of events writes, in the order in which it is written. */
export const eventTables = {
  newRooms: insert('rooms', {
    nid: big,
    room_id: text,
    version: text,
    line_version: big,
    heads: text,
    depth: big,
    last_position: big,
    is_published: 'boolean',
    is_placeholder: 'boolean',
  }),
  rooms: update('rooms', ['nid'], { nid: big, line_version: big, heads: text, depth: big, last_position: big }),
  joinedRooms: update('rooms', ['nid'], { nid: big, is_placeholder: 'boolean' }),
  events: insert('events', {
    position: big,
    event_id: text,
    room_nid: big,
    type: text,
    state_key: text,
    sender: text,
    origin_server_ts: big,
    client_json: text,
    graph_json: text,
    status: 'smallint',
    auth: text,
  }),
  movedEvents: update('events', ['event_id'], {
    event_id: text,
    position: big,
    status: 'smallint',
    former_position: big,
  }),
  readmitted: update('events', ['event_id'], { event_id: text, auth: text }),
  history: update('events', ['event_id'], { event_id: text, is_history: 'boolean' }),
  newGaps: insert('history_gaps', {
    room_nid: big,
    position: big,
    next_position: big,
    first_position: big,
    edges: text,
  }),
  gaps: update('history_gaps', ['room_nid', 'position'], {
    room_nid: big,
    position: big,
    next_position: big,
    edges: text,
  }),
  branches: insert('event_branches', {
    position: big,
    room_nid: big,
    base_position: big,
    hops: 'smallint',
    delta: text,
  }),
  closedIntervals: {
    ...update('room_state', ['room_nid', 'key_nid'], { room_nid: big, key_nid: big, to_position: big }),
    onlyNull: 'to_position',
  },
  intervals: insert('room_state', {
    room_nid: big,
    key_nid: big,
    from_position: big,
    to_position: big,
    event_position: big,
  }),
  memberships: {
    kind: 'replace',
    table: 'memberships',
    columns: {
      room_nid: big,
      user_id: text,
      membership: text,
      sender: text,
      position: big,
      is_forgotten: 'boolean',
      joined_position: big,
    },
    key: ['user_id', 'room_nid'],
    merged: {
      is_forgotten: 'memberships.is_forgotten and excluded.is_forgotten',
      // The position of the join stays while the user stays joined.
      joined_position: `case when excluded.membership = 'join'
        then coalesce(excluded.joined_position, memberships.joined_position) end`,
    },
  },
  outside: {
    kind: 'replace',
    table: 'outside_memberships',
    columns: {
      user_id: text,
      room_nid: big,
      position: big,
      event_id: text,
      client_json: text,
      shown_state: text,
      servers: text,
    },
    key: ['user_id', 'room_nid'],
  },
  relations: insert('relations', { parent_id: text, rel_type: text, position: big, room_nid: big, sender: text }),
  transactions: insert('event_transactions', {
    user_id: text,
    device_id: text,
    scope: text,
    transaction_id: text,
    event_id: text,
    position: big,
    created_at: big,
  }),
  earlyRedactions: insert('early_redactions', { position: big, room_nid: big, target_id: text }),
  redactions: update('events', ['event_id'], {
    event_id: text,
    client_json: text,
    graph_json: text,
    redacted_by: text,
  }),
} satisfies Record<string, Shape>
