import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** The certificates in these files; throws where one cannot be used, so that a mistake prevents the start. */
export async function readAuthorities(files: readonly string[]): Promise<string[]> {
  const found = await Promise.all(files.map(readFileOf))
  return found.flat()
}

async function readFileOf(file: string): Promise<string[]> {
  try {
    const certificates = (await readFile(file, 'utf8')).match(block) ?? []
    if (certificates.length === 0) throw new Error('it holds no certificate')
    for (const certificate of certificates) new X509Certificate(certificate)
    return certificates
  } catch (error) {
    throw new Error(`outgoing.ca_files: ${file} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}
