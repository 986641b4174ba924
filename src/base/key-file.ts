import { link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Tokens } from './tokens.ts'

/** The name and the seed (32 bytes, unpadded base64) of the server's signing key. */
export type KeySeed = { keyId: `ed25519:${string}`; seed: string }

/** Reads the signing key from its file; the first start makes one. The text has the form that Synapse writes. */
export async function loadKeySeed(file: string, tokens: Tokens): Promise<KeySeed> {
  const present = await read(file)
  if (present !== undefined) return parse(file, present)
  const seed = tokens.bytes(32).toString('base64').replace('=', '')
  await createOnce(file, { line: `ed25519 a_${tokens.id(4)} ${seed}\n`, draft: `${file}.${tokens.id(8)}` })
  return parse(file, (await read(file)) ?? '')
}

const read = (file: string): Promise<string | undefined> =>
  readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })

function parse(file: string, text: string): KeySeed {
  const [algorithm, version, seed] = text.split('\n', 1)[0]?.trim().split(/\s+/) ?? []
  if (algorithm !== 'ed25519' || !version || !seed) throw new Error(`${file} holds no ed25519 signing key`)
  return { keyId: `ed25519:${version}`, seed }
}

/** Atomic and synced before use: a lost key would be a lost identity. When two processes create it, the first wins. */
async function createOnce(file: string, { line, draft }: { line: string; draft: string }): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(line)
    await handle.sync()
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
  } finally {
    await handle.close()
    await rm(draft)
  }
}
