import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventId, RoomId, ServerName, UserId } from '#protocol/ids.ts'
import { member } from '../../spec-tests/support/generators/acts.ts'
import { openedRoom } from '../../spec-tests/support/generators/opened-room.ts'
import type { TestRoom } from '../../spec-tests/support/generators/test-room.ts'
import type { StoredData } from '../support/own-server.ts'
import { temporaryDatabase } from '../support/temporary-database.ts'

const filler = new URL('./fill-room.ts', import.meta.url).pathname

export type Crowd = { members: number; servers: readonly ServerName[] }

/** A public room of so many members on these servers, the same whenever it is made; the first server holds it. */
export function wideRoom({ members, servers }: Crowd): TestRoom {
  const [host = ''] = servers
  const room = openedRoom('11', { creator: `@creator:${host}`, roomId: roomIdAt(host), ruled: false })
  for (let number = 0; number < members; number++) {
    const server = servers[number % servers.length]!
    const user: UserId = `@u${number}:${server}`
    const avatar = `mxc://${server}/a${number}`
    room.add(member(user, user, 'join', { displayname: `User ${number}`, avatar_url: avatar }))
  }
  return room
}

/** The join of our user, who enters the room after all others. */
export function enter(room: TestRoom, serverName: ServerName): EventId {
  const us: UserId = `@us:${serverName}`
  return room.add(member(us, us, 'join'))
}

export const roomIdAt = (host: ServerName): RoomId => `!wide:${host}`

/** The data of a server that is in such a room; `remove` when they are not needed any more. */
export async function filledData(
  crowd: Crowd,
  { serverName, database }: { serverName: ServerName; database: string | undefined },
): Promise<StoredData & { remove(): Promise<void> }> {
  const dataDir = mkdtempSync(join(tmpdir(), 'myelin-bench-'))
  const temporary = database === undefined ? undefined : await temporaryDatabase(database)
  const url = temporary?.url ?? `sqlite:${join(dataDir, 'myelin.db')}`
  const filling = { dataDir, database: url, serverName, ...crowd }
  execFileSync(process.execPath, [filler, JSON.stringify(filling)], { stdio: ['ignore', 'ignore', 'inherit'] })
  return {
    dataDir,
    database: temporary?.url,
    async remove() {
      rmSync(dataDir, { recursive: true, force: true })
      await temporary?.drop()
    },
  }
}
