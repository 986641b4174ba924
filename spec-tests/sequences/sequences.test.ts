import assert from 'node:assert/strict'
import { wantedInvariants } from './property.ts'
import { judge, search } from './search.ts'

const { SEQUENCE_SECONDS, SEQUENCE_SEED, SEQUENCE_NUMBER, SEQUENCE } = process.env
const seconds = Number(SEQUENCE_SECONDS ?? 20)
const seed = Number(SEQUENCE_SEED ?? 1)

describe('sequences of acts, reads, evictions and restarts', () => {
  it(`end in the same view for every client (seed ${seed}, ${seconds} s)`, async function () {
    this.timeout((seconds + 600) * 1000)
    const wanted = wantedInvariants()
    const failure = SEQUENCE
      ? await judge(SEQUENCE, wanted)
      : await search({ seed, seconds, wanted, from: Number(SEQUENCE_NUMBER ?? 0) })
    if (failure !== undefined) assert.fail(failure)
  })
})
