import assert from 'node:assert/strict'
import { judge, search } from './search.ts'

const { FEDERATION_COUNT, FEDERATION_SEED, FEDERATION_NUMBER, FEDERATION, TEST_DATABASE } = process.env
// Each store sees others, 200 in all; PostgreSQL takes twice as long.
const isPostgres = TEST_DATABASE === 'postgres'
const seed = Number(FEDERATION_SEED ?? (isPostgres ? 2 : 1))
const usual = isPostgres ? 60 : 140
const count = Number(FEDERATION_COUNT ?? (FEDERATION_NUMBER === undefined ? usual : 1))

describe('federations of servers that lose each other, restart and find together again', () => {
  it(`agree in the end (seed ${seed}, ${count} of them)`, async function () {
    this.timeout(count * 5000 + 600_000)
    const found: string[] = []
    if (FEDERATION) found.push((await judge(FEDERATION)) ?? '')
    else
      await search({
        seed,
        count,
        from: Number(FEDERATION_NUMBER ?? 0),
        onFailure: (report) => void found.push(report),
      })
    assert.equal(found.join('\n\n'), '')
  })
})
