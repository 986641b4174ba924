import assert from 'node:assert/strict'
import { accountCreated, createLog, roomCreated, type LogOptions } from '#base/log.ts'

const logWith = (options: Partial<LogOptions> = {}) => {
  const lines: Record<string, unknown>[] = []
  const destination = { write: (line: string) => void lines.push(JSON.parse(line)) }
  return { lines, log: createLog({ level: 'info', destination, ...options }) }
}

describe('log', () => {
  it('writes JSON lines with a constant message and its data in fields', () => {
    const { lines, log } = logWith()
    log.warn('destination backing off', { destination: 'b.example' })

    assert.equal(lines.length, 1)
    const { time, ...rest } = lines[0]!
    assert.deepEqual(rest, { level: 'warn', message: 'destination backing off', destination: 'b.example' })
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  })

  it('keeps lines below its level', () => {
    const { lines, log } = logWith({ level: 'warn' })
    log.info('started')
    log.debug('detail')
    log.error('failed')

    assert.deepEqual(
      lines.map((line) => line['message']),
      ['failed'],
    )
  })

  it('adds the id of the request that is being answered, in children too', () => {
    let id: string | undefined = 'r1'
    const { lines, log } = logWith({ requestId: () => id })
    log.info('a')
    log.child({ worker: 'push' }).info('b')
    id = undefined
    log.info('c')

    assert.deepEqual(
      lines.map((line) => [line['request_id'], line['worker']]),
      [
        ['r1', undefined],
        ['r1', 'push'],
        [undefined, undefined],
      ],
    )
  })

  it('never writes tokens, passwords, bodies or message text', () => {
    const { lines, log } = logWith()
    const secret = 'hunter2'
    log.info('slip', {
      access_token: secret,
      body: { body: secret },
      request: { authorization: secret, password: secret },
    })
    log.child({ token: secret }).info('slip', { content: secret })

    assert.doesNotMatch(JSON.stringify(lines), /hunter2/)
  })

  it('writes errors with their cause', () => {
    const { lines, log } = logWith()
    log.error('request failed', { error: new Error('outer', { cause: new Error('inner') }) })

    assert.match(JSON.stringify(lines[0]!['error']), /outer.*inner/)
  })

  it('has one maker for each business event, silent by default', () => {
    const quiet = logWith()
    const loud = logWith({ level: 'debug' })
    for (const { log } of [quiet, loud]) {
      accountCreated(log, { userId: '@a:test', kind: 'user' })
      roomCreated(log, { roomId: '!r:test', version: '12', creator: '@a:test' })
    }

    assert.equal(quiet.lines.length, 0)
    assert.deepEqual(
      loud.lines.map((line) => line['message']),
      ['account created', 'room created'],
    )
  })

  it('N30 shows of errors of a database only code, constraint and table, however deep they stand', () => {
    const { lines, log } = logWith()
    const canary = 'canary of a user'
    const refused = Object.assign(new Error(`insert - invalid input syntax for type bigint: "${canary}"`), {
      severity: 'ERROR',
      code: '23514',
      constraint: 'positive',
      table: 'account_data',
      detail: `Failing row contains (@a:test, ${canary}).`,
      where: canary,
      internalQuery: canary,
    })
    log.error('request failed', { error: refused })
    log.error('work failed', { error: new Error('a batch failed', { cause: refused }) })
    log.error('all failed', { error: new AggregateError([refused], 'several') })
    log.child({ worker: 'x' }).warn('work failed', { cause: refused })

    assert.ok(!JSON.stringify(lines).includes(canary))
    const [{ error } = {}] = lines as { error?: Record<string, unknown> }[]
    assert.deepEqual([error?.code, error?.constraint, error?.table], ['23514', 'positive', 'account_data'])
    assert.match(String(error?.stack), /log\.test\.ts/)
  })
})
