import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import type { Config } from '#base/config/schema.ts'
import type { Context } from '#context.ts'
import type { Identity } from './listener.ts'

const minute = 60_000

/** The certificate and key of the configuration; undefined where it names none. */
export async function readIdentity({ certificate, key }: Config['listen']['tls']): Promise<Identity | undefined> {
  if (certificate === undefined || key === undefined) return undefined
  return { cert: await readFile(certificate, 'utf8'), key: await readFile(key, 'utf8') }
}

type Needs = Pick<Context, 'config' | 'clock' | 'log'>

/**
 * Reads the files every minute and passes on what is new, since certificates end within weeks. What cannot be used is
 * looked at again: the two files are rarely replaced in the same moment. The answer ends it.
 */
export function followIdentity(
  { config, clock, log }: Needs,
  first: Identity,
  renew: (identity: Identity) => void,
): () => void {
  let current = first
  let refused: string | undefined
  const look = async () => {
    try {
      const found = await readIdentity(config.listen.tls)
      if (!found || (found.cert === current.cert && found.key === current.key)) return
      createSecureContext(found)
      renew(found)
      current = found
      refused = undefined
      log.info('the certificate was renewed', { valid_to: new X509Certificate(found.cert).validTo })
    } catch (error) {
      // Once, and not every minute.
      if (refused !== String(error)) log.error('the new certificate cannot be used: the old one is kept', { error })
      refused = String(error)
    }
  }
  return clock.every(minute, () => void look())
}
