import type { ServerName } from '#protocol/ids.ts'
import { askedRows } from '#store/engine/asked-rows.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'

/** An EDU that waits for a server until that has it; `content` is JSON text. */
export type OutgoingEdu = Readonly<{
  position: number
  serverName: ServerName
  type: string
  content: string
  /** Undefined: each of its kind counts; else a later one of the same key takes its place. */
  key: string | undefined
}>

type Row = {
  position: number
  server_name: ServerName
  type: string
  content: string
  edu_key: string | null
  bytes: number
}

export const outgoingEdus = (db: Db, kind: Engine['kind']) => ({
  /** Adds EDUs, in the order of their positions; those with the key of one that waits take its place, at the end. */
  async add(edus: readonly OutgoingEdu[]): Promise<void> {
    if (edus.length === 0) return
    const asked = askedRows(
      kind,
      { position: 'bigint', server_name: 'text', type: 'text', content: 'text', edu_key: 'text', bytes: 'bigint' },
      edus.map(({ position, serverName, type, content, key = '' }) => [
        position,
        serverName,
        type,
        content,
        key,
        Buffer.byteLength(content),
      ]),
    )
    await db.raw(
      `insert into outgoing_edus (position, server_name, type, content, edu_key, bytes)
         select a.position, a.server_name, a.type, a.content, nullif(a.edu_key, ''), a.bytes from ${asked.sql} where true
         on conflict (server_name, edu_key) do update set position = excluded.position, type = excluded.type,
           content = excluded.content, bytes = excluded.bytes`,
      asked.bindings,
    )
  },

  /** The oldest of a server. */
  async list(serverName: ServerName, limit: number): Promise<OutgoingEdu[]> {
    const rows = await db<Row>('outgoing_edus').where({ server_name: serverName }).orderBy('position').limit(limit)
    return rows.map(fromRow)
  },

  /** Those of a transaction that is sent again, in order; without what was replaced since. */
  async atPositions(positions: readonly number[]): Promise<OutgoingEdu[]> {
    if (positions.length === 0) return []
    const rows = (await db('outgoing_edus')
      .whereRaw(...inList(kind, 'position', positions))
      .orderBy('position')) as Row[]
    return rows.map(fromRow)
  },

  /** How many bytes wait for some servers; nothing for those without. */
  async bytesOf(serverNames: readonly ServerName[]): Promise<Map<ServerName, number>> {
    if (serverNames.length === 0) return new Map()
    const rows = (await db('outgoing_edus')
      .whereRaw(...inList(kind, 'server_name', serverNames))
      .groupBy('server_name')
      .select('server_name')
      .sum({ bytes: 'bytes' })) as Bytes[]
    return new Map(rows.map((row) => [row.server_name, Number(row.bytes)]))
  },

  /** Those that arrived; what took the place of one meanwhile has another position and stays. */
  async delete(positions: readonly number[]): Promise<void> {
    if (positions.length === 0) return
    await db('outgoing_edus')
      .whereRaw(...inList(kind, 'position', positions))
      .delete()
  },

  /** Those for servers that have not answered since before a time. */
  async deleteFailingSince(before: number): Promise<void> {
    const gone = db('destinations').where('failing_since', '<', before).select('server_name')
    await db('outgoing_edus').whereIn('server_name', gone).delete()
  },

  /** Where all together are more bytes than this, those of the servers that have been failing longest; answers whose. */
  async deleteBeyond(most: number): Promise<ServerName[]> {
    const rows = (await db('outgoing_edus as e')
      .join('destinations as d', 'd.server_name', 'e.server_name')
      .groupBy('e.server_name', 'd.failing_since')
      .select('e.server_name', 'd.failing_since')
      .sum({ bytes: 'e.bytes' })) as (Bytes & { failing_since: number | null })[]
    let bytes = rows.reduce((sum, row) => sum + Number(row.bytes), 0)
    const failing = rows.filter((row) => row.failing_since !== null)
    const deleted: ServerName[] = []
    for (const row of failing.sort((one, other) => Number(one.failing_since) - Number(other.failing_since))) {
      if (bytes <= most) break
      bytes -= Number(row.bytes)
      deleted.push(row.server_name)
    }
    for (const serverName of deleted) await db('outgoing_edus').where({ server_name: serverName }).delete()
    return deleted
  },
})

type Bytes = { server_name: ServerName; bytes: number | string }

const fromRow = (row: Row): OutgoingEdu => ({
  position: Number(row.position),
  serverName: row.server_name,
  type: row.type,
  content: row.content,
  key: row.edu_key ?? undefined,
})
