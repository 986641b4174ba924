import { TestAuthority } from '../../spec-tests/support/outgoing/certificates.ts'
import { loopDelay } from '../support/loop-delay.ts'
import { freePort } from '../support/own-server.ts'
import { processFigures, processorSeconds, round } from '../support/statistics.ts'
import type { User } from '../support/user.ts'
import type { Figures } from '../support/workload.ts'
import { startFederated } from './federated-server.ts'
import type { FederationWorkload, Surroundings } from './federation-workload.ts'
import { Peers } from './peers.ts'
import { filledData, roomIdAt } from './wide-room.ts'
import type { OwnServer } from '../support/own-server.ts'
import type { RoomId, ServerName } from '#protocol/ids.ts'

/** Goal with 20,000 members: usable within 5 s, complete within 30 s, at most 512 MB. */
export const joinLarge: FederationWorkload = {
  summary: 'joins a room of --members on --servers that another server of ours serves',
  defaults: { members: 20_000, servers: 300 },
  async run({ members, servers }, surroundings) {
    using authority = new TestAuthority()
    const peers = await Peers.start(servers, authority)
    const crowd = { members, servers: peers.names }
    const fill = (serverName: ServerName) => filledData(crowd, { serverName, database: surroundings.database })
    const resident = await startNamed(authority, surroundings, fill)
    const joiner = await startNamed(authority, surroundings).catch(async (error: unknown) => {
      await resident.stop()
      throw error
    })
    try {
      return await join({ resident, joiner, roomId: roomIdAt(peers.names[0]!), members })
    } finally {
      peers.close()
      await joiner.stop()
      await resident.stop()
    }
  },
}

type Named = OwnServer & { serverName: ServerName }

/** A server under a name by which others reach it over TLS, with the data of a server of that name. */
async function startNamed(
  authority: TestAuthority,
  { database, profileTo }: Surroundings,
  fill?: (serverName: ServerName) => ReturnType<typeof filledData>,
): Promise<Named> {
  const port = await freePort()
  const serverName = `127.0.0.1:${port}`
  const copied = await fill?.(serverName)
  const { certificate, key } = authority.issue('127.0.0.1')
  const settings = {
    MYELIN_SERVER_NAME: serverName,
    MYELIN_LISTEN_TLS_PORT: String(port),
    MYELIN_LISTEN_TLS_CERTIFICATE: certificate,
    MYELIN_LISTEN_TLS_KEY: key,
  }
  const started = startFederated({ authorityFile: authority.file, database, profileTo, copied, settings })
  return { ...(await started.finally(() => copied?.remove())), serverName }
}

type Joining = { resident: Named; joiner: Named; roomId: RoomId; members: number }

async function join({ resident, joiner, roomId, members }: Joining): Promise<Figures> {
  const user = await joiner.target.newUser()
  const used = [resident, joiner].map(({ target }) => processorSeconds(target.pid))
  const loops = [resident, joiner].map(({ target }) => loopDelay(target))
  for (const loop of loops) await loop('starting')
  const started = performance.now()
  await user.join(roomId, resident.serverName)
  await user.send(roomId, 'we are here')
  const usableMs = performance.now() - started
  // Its creator and a user of the resident's are members, and the one who joined.
  await untilMembers(user, roomId, members + 3)
  const completeMs = performance.now() - started
  const figures: Figures = { usable_ms: round(usableMs), complete_ms: round(completeMs) }
  for (const [index, [name, { target }]] of Object.entries({ resident, joiner }).entries()) {
    figures[`${name}_processor_ms`] = round((processorSeconds(target.pid) - used[index]!) * 1000)
    Object.assign(figures, await loops[index]!(name))
    figures[`${name}_peak_mb`] = processFigures(target.pid)['peak_resident_mb'] ?? 0
  }
  return figures
}

async function untilMembers(user: User, roomId: RoomId, members: number): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const { body } = await user.read(roomId, 'joined_members')
    if (Object.keys(body['joined'] as object).length === members) return
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  throw new Error('The room did not become complete')
}
