import assert from 'node:assert/strict'
import { verify } from 'node:crypto'
import { decodeUnpaddedBase64 } from '#protocol/unpadded-base64.ts'
import { EventSigner } from '#services/rooms/write/event-signer.ts'
import { keyOf } from '../../../support/generators/server-keys.ts'

const key = keyOf('test')
const isTrue = (text: Buffer, signature: string) =>
  verify(null, text, key.publicKey, decodeUnpaddedBase64(signature) ?? Buffer.alloc(0))

/** Enough for the signer to start its thread. */
const many = 300
const textsOf = (count: number) => Array.from({ length: count }, (_, index) => Buffer.from(`text ${'x'.repeat(index)}`))

async function signAll(signer: EventSigner, texts: readonly Buffer[]): Promise<void> {
  const signatures = await Promise.all(texts.map((text) => signer.sign(text)))
  for (const [index, text] of texts.entries()) assert.ok(isTrue(text, signatures[index] ?? ''), `text ${index}`)
}

describe('signing events', () => {
  it('gives each text its own signature, with its thread and without', async () => {
    const signer = new EventSigner(key)
    for (const count of [1, 5, many, many, 1, 2]) await signAll(signer, textsOf(count))
    await signer.close()
  })

  it('loses no event when its thread ends', async () => {
    const signer = new EventSigner(key)
    await signAll(signer, textsOf(many))
    const signed = signAll(signer, textsOf(many))
    // The signer sends what waits in the next turn of the event loop.
    setImmediate(() => void signer.close())
    await signed
    await signAll(signer, textsOf(many))
  })
})
