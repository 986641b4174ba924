import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import type { RoomId } from '#protocol/ids.ts'

type ReadHeads = { read(): Promise<string | undefined>; close(): Promise<void> }

const everyMs = 50

/** Looks into a server's database for how many forward extremities a room has. */
export class HeadsWatch {
  readonly #heads: ReadHeads
  readonly #running: Promise<void>
  #most = 0
  #isOver = false

  private constructor(heads: ReadHeads) {
    this.#heads = heads
    this.#running = this.#run()
  }

  static open(database: string | undefined, roomId: RoomId): HeadsWatch {
    const file = database?.startsWith('sqlite:') ? database.slice('sqlite:'.length) : undefined
    return new HeadsWatch(file === undefined ? inPostgres(database, roomId) : inSqlite(file, roomId))
  }

  /** The most there were. */
  async close(): Promise<number> {
    this.#isOver = true
    await this.#running
    await this.#heads.close()
    return this.#most
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const heads = JSON.parse((await this.#heads.read()) ?? '[]') as unknown[]
      this.#most = Math.max(this.#most, heads.length)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }
}

function inSqlite(file: string, roomId: RoomId): ReadHeads {
  const db = new DatabaseSync(file, { readOnly: true })
  const query = db.prepare('select heads from rooms where room_id = ?')
  return {
    read: async () => (query.get(roomId) as { heads: string } | undefined)?.heads,
    close: async () => db.close(),
  }
}

function inPostgres(database: string | undefined, roomId: RoomId): ReadHeads {
  const pool = new pg.Pool({ connectionString: database, max: 1 })
  return {
    async read() {
      const { rows } = await pool.query<{ heads: string }>('select heads from rooms where room_id = $1', [roomId])
      return rows[0]?.heads
    },
    close: () => pool.end(),
  }
}
