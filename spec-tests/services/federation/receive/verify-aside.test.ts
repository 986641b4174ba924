import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { verifyAll, verifyInBatches, type VerifyJob } from '#services/federation/receive/verify-aside.ts'

const pairs = [1, 2, 3].map(() => generateKeyPairSync('ed25519'))

/** Signatures of several keys, every seventh false; of these some are of another key, and some are no signatures. */
const claims = Array.from({ length: 500 }, (_, index) => {
  const { publicKey, privateKey } = pairs[index % pairs.length]!
  const text = Buffer.from(`text ${index} ${'x'.repeat(index)}`)
  const isTrue = index % 7 !== 0
  const other = index % 2 === 0 ? Buffer.alloc(64) : Buffer.alloc(index % 64)
  return { isTrue, text, publicKey, signature: isTrue ? sign(null, text, privateKey) : other }
})

async function verifyThem(run: (job: VerifyJob) => Promise<boolean[]>): Promise<void> {
  const verify = verifyInBatches(run)
  const order: number[] = []
  for (let start = 0; start < claims.length; start += 100) {
    const some = claims.slice(start, start + 100)
    const verdicts = some.map(async (claim, index) => {
      const verdict = await verify(claim)
      if (claim.signature.length === 64) order.push(start + index)
      return verdict
    })
    assert.deepEqual(await Promise.all(verdicts), some.map(({ isTrue }) => isTrue)) // prettier-ignore
  }
  assert.deepEqual(
    order,
    order.toSorted((one, other) => one - other),
  )
}

describe('verifying many signatures', () => {
  it('finds the same as one by one, in batches once they are many', async () => {
    const sizes: number[] = []
    await verifyThem(async (job) => {
      sizes.push(job.ends.length)
      return verifyAll(job)
    })
    assert.equal(sizes[0], 0)
    assert.ok(sizes.length > 2 && sizes.slice(1).every((size) => size > 10), sizes.join())
  })

  it('goes on where the thread fails, or never starts', async () => {
    let calls = 0
    await verifyThem(async () => {
      if (calls++ > 0) throw new Error('The thread has ended')
      return []
    })
    assert.ok(calls > 1)
    await verifyThem(() => new Promise(() => {}))
  })

  it('lets none overtake one that was claimed before', async () => {
    const held = Promise.withResolvers<void>()
    let calls = 0
    const verify = verifyInBatches(async (job) => {
      if (calls++ === 1) await held.promise
      return verifyAll(job)
    })
    await Promise.all(claims.slice(0, 250).map(verify))
    const order: string[] = []
    const done = (name: string) => () => void order.push(name)
    const many = Promise.all(claims.slice(250, 300).map(verify)).then(done('many'))
    await new Promise((resolve) => setTimeout(resolve, 10))
    const one = verify(claims[1]!).then(done('one'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    held.resolve()
    await Promise.all([many, one])
    assert.deepEqual(order, ['many', 'one'])
  })
})
