import assert from 'node:assert/strict'
import { createLog } from '#base/log.ts'
import { startTestServer } from '../../support/server/server.ts'

describe('errors of the store', () => {
  it('N30 put no value of a row into the log, on either engine', async () => {
    const lines: string[] = []
    const log = createLog({ level: 'info', destination: { write: (line: string) => void lines.push(line) } })
    await using server = await startTestServer({ log })
    const { store } = server.context
    const canary = 'canary of a user'
    const taken = { tokenHash: 'hash', userId: '@a:test', expiresAt: 1 } as const
    const statements = [
      () => store.accounts.loginTokens.insert({ ...taken, expiresAt: canary as unknown as number }),
      () => store.accounts.loginTokens.insert({ ...taken, userId: null as unknown as '@a:test', tokenHash: canary }),
      async () => {
        for (let i = 0; i < 2; i++) await store.accounts.loginTokens.insert({ ...taken, tokenHash: canary })
      },
    ]

    let refusals = 0
    for (const run of statements)
      await run().catch((error: unknown) => {
        refusals++
        log.error('request failed', { error })
      })

    assert.ok(refusals >= 2)
    assert.equal(lines.filter((line) => line.includes('request failed')).length, refusals)
    assert.ok(!lines.join().includes(canary))
  })
})
