import type { Readable } from 'node:stream'
import { tooLarge } from '#base/errors.ts'

const maxBytes = 16_384

/** The fields of a small form as browsers send them. */
export async function readForm(stream: Readable): Promise<Record<string, string>> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge()
    chunks.push(chunk)
  }
  return Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString('utf8')))
}
