import assert from 'node:assert/strict'
import { wantedInvariants } from './property.ts'
import { search } from './search.ts'

const seconds = Number(process.env.SEQUENCE_SECONDS ?? 20)
const seed = Number(process.env.SEQUENCE_SEED ?? 1)
const path = process.env.SEQUENCE_PATH

describe('sequences of acts, reads, evictions and restarts', () => {
  it(`end in the same view for every client (seed ${seed}, ${seconds} s)`, async function () {
    this.timeout((seconds + 180) * 1000)
    assert.equal(await search({ seed, seconds, path, wanted: wantedInvariants() }), undefined)
  })
})
