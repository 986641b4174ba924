import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestAuthority } from '../../support/outgoing/certificates.ts'
import { freePorts } from './free-ports.ts'
import type { Homeserver } from './homeserver.ts'
import { prepareMyelin } from './myelin.ts'
import { prepareSynapse } from './synapse.ts'

/** Which software makes the room, and which one the guest is at home on. */
export const directions = [
  ['Myelin', 'Synapse'],
  ['Synapse', 'Myelin'],
] as const

export type Servers = AsyncDisposable & { Myelin: Homeserver; Synapse: Homeserver }

/** Both servers, which reach each other with TLS on loopback and trust the same authority; disposing ends them. */
export async function startServers(python: string): Promise<Servers> {
  const kept = process.env['INTEROP_FOLDER']
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'myelin-interop-'))
  const authority = new TestAuthority()
  const [one, two, three, four] = (await freePorts(4)) as [number, number, number, number]
  const folderOf = (name: string) => {
    const path = join(folder, name)
    mkdirSync(path, { recursive: true })
    return path
  }
  const Myelin = prepareMyelin({ folder: folderOf('myelin'), authority, federationPort: one, clientPort: two })
  const place = { folder: folderOf('synapse'), authority, federationPort: three, clientPort: four }
  const Synapse = prepareSynapse(python, place)
  const end = async () => {
    await Promise.all([Myelin.stop(), Synapse.stop()])
    authority[Symbol.dispose]()
    if (kept === undefined) rmSync(folder, { recursive: true, force: true })
  }
  try {
    await Promise.all([Myelin.start(), Synapse.start()])
  } catch (error) {
    await end()
    throw error
  }
  return { Myelin, Synapse, [Symbol.asyncDispose]: end }
}
