import { stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { loadKeySeed } from '#base/key-file.ts'
import { systemTokens } from '#base/tokens.ts'
import { MiB, ok, problem, warning, type Check } from './finding.ts'

/** Below the first the server will soon stop writing, below the second it is time to look. */
const scarceBytes = 200 * MiB
const littleBytes = 2048 * MiB

const groupOrOthers = 0o077

const modeOf = async (path: string): Promise<number | undefined> => {
  try {
    return (await stat(path)).mode & 0o777
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

export const dataFolder: Check = {
  about: 'data_dir',
  async run({ data_dir: folder }) {
    const mode = await modeOf(folder)
    if (mode === undefined) return warning(`${folder} does not exist: the first start makes it`)
    const { bavail, bsize } = await statfs(folder)
    const free = bavail * bsize
    const text = `${Math.floor(free / MiB)} MiB are free in ${folder}`
    if (free < scarceBytes) return problem(text)
    if (free < littleBytes) return warning(text)
    if (mode & groupOrOthers) return warning(`others on this machine may look into ${folder}: chmod 700`)
    return ok(text)
  },
}

/** Who reads the key can speak as this server; who loses it is a stranger under its own name. */
export const signingKeyFile: Check = {
  about: 'signing key',
  async run({ data_dir: folder }) {
    const file = join(folder, 'signing.key')
    const mode = await modeOf(file)
    if (mode === undefined) return warning(`${file} does not exist: the first start makes it`)
    if (mode & groupOrOthers) return problem(`others on this machine may read ${file}: chmod 600`)
    return ok((await loadKeySeed(file, systemTokens)).keyId)
  },
}
