import { argon2, timingSafeEqual } from 'node:crypto'
import type { Context } from '#context.ts'

type Needs = Pick<Context, 'config' | 'tokens'>
type Parameters = { memory: number; passes: number; parallelism: number }

const phc = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
const saltBytes = 16
const tagBytes = 32

/** Hashes a password with argon2id; the answer is a PHC string that carries its parameters. */
export async function hashPassword(ctx: Needs, password: string): Promise<string> {
  const parameters = currentParameters(ctx)
  const salt = ctx.tokens.bytes(saltBytes)
  return toPhc(parameters, salt, await derive(password, { parameters, salt, length: tagBytes }))
}

/** Whether the password has this hash; without a hash it is false after the same time. */
export async function verifyPassword(ctx: Needs, password: string, stored: string | undefined): Promise<boolean> {
  const { parameters, salt, tag } = fromPhc(stored ?? '') ?? {
    parameters: currentParameters(ctx),
    salt: Buffer.alloc(saltBytes),
    tag: Buffer.alloc(tagBytes),
  }
  const derived = await derive(password, { parameters, salt, length: tag.length })
  return timingSafeEqual(derived, tag) && stored !== undefined
}

const currentParameters = ({ config }: Pick<Context, 'config'>): Parameters => ({
  memory: config.accounts.password_hash_memory_kib,
  passes: 2,
  parallelism: 1,
})

type Derivation = { parameters: Parameters; salt: Buffer; length: number }

const derive = (password: string, { parameters, salt, length }: Derivation): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const options = { message: password, nonce: salt, tagLength: length, ...parameters }
    argon2('argon2id', options, (error, tag) => (error ? reject(error) : resolve(tag)))
  })

const unpadded = (bytes: Buffer) => bytes.toString('base64').replaceAll('=', '')

const toPhc = ({ memory, passes, parallelism }: Parameters, salt: Buffer, tag: Buffer) =>
  `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(tag)}`

function fromPhc(text: string): { parameters: Parameters; salt: Buffer; tag: Buffer } | undefined {
  const match = phc.exec(text)
  if (!match) return undefined
  const [, memory, passes, parallelism, salt = '', tag = ''] = match
  return {
    parameters: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
  }
}
