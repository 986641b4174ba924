import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hash } from 'node:crypto'
import { systemClock } from '#base/clock.ts'
import type { ServerName } from '#protocol/ids.ts'
import { CheckThreads } from '#services/federation/receive/check-threads.ts'
import { importSendJoin } from '#services/federation/receive/import-send-join.ts'
import { openStore } from '#store/open.ts'
import { receivingContext } from '../../spec-tests/support/federation/receive-needs.ts'
import { enter, wideRoom } from './wide-room.ts'

// A process of its own, so that what filling costs is in none of the figures.
type Filling = { dataDir: string; database: string; serverName: ServerName; members: number; servers: ServerName[] }

const { dataDir, database, serverName, ...crowd } = JSON.parse(process.argv[2] ?? '') as Filling
const store = await openStore({ url: database, poolSize: 4, now: () => systemClock.now() })
const checkThreads = new CheckThreads()
try {
  const room = wideRoom(crowd)
  const state = room.order.map((id) => room.json(id))
  const event = room.json(enter(room, serverName))
  const ctx = { ...receivingContext(store, { serverName, clock: systemClock }), checkThreads }
  const { roomId, version } = room
  const result = await importSendJoin(ctx, { roomId, version, event, state, authChain: state.slice(0, 4) })
  if (result.outcome !== 'accepted') throw new Error(`The room was not taken in: ${result.reason}`)
  // Its user's join is signed with this one.
  const seed = hash('sha256', serverName, 'base64').replace(/=+$/, '')
  writeFileSync(join(dataDir, 'signing.key'), `ed25519 1 ${seed}\n`, { mode: 0o600 })
} finally {
  await checkThreads.close()
  await store.close()
}
