import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import { endpoint, JsonPieces } from '#http/endpoint.ts'
import { errorLog } from '../support/server/echo.ts'
import { startTestServer, type TestServer } from '../support/server/server.ts'

const pieceBytes = 1_000_000
const piece = 'x'.repeat(pieceBytes)

/** Counts what was made, and whether the making was ended. */
type Making = { pieces: number; isEnded: boolean }

async function* longText(making: Making, count: number): AsyncGenerator<string> {
  try {
    yield '{"a":"'
    for (; making.pieces < count; making.pieces++) yield piece
    if (count === failsAfter) throw new Error('the store is gone')
    yield '"}'
  } finally {
    making.isEnded = true
  }
}

const failsAfter = 3

const answering = (making: Making, count: number) =>
  endpoint({
    method: 'GET',
    path: '/long',
    auth: 'none',
    reply: Type.Object({ a: Type.String() }),
    summary: 'Answers much.',
    spec: 'spec-tests/http',
    handle: async () => new JsonPieces(longText(making, count)),
  })

const start = (making: Making, count: number, checkReplies = false) =>
  startTestServer({ endpoints: [answering(making, count)], checkReplies })

async function unsent({ context }: TestServer): Promise<number> {
  const { text } = await context.metrics.render()
  return Number(/^myelin_unsent_answer_bytes(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0)
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await sleep(10)
}

/** Asks, and reads nothing. */
function askWithoutReading({ port }: TestServer) {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.pause()
  socket.write('GET /long HTTP/1.1\r\nHost: test\r\n\r\n')
  return socket
}

describe('N50 an answer that is sent while it is made', () => {
  for (const checkReplies of [false, true])
    it(`arrives whole${checkReplies ? ', and checked' : ''}`, async () => {
      const making = { pieces: 0, isEnded: false }
      await using server = await start(making, 5, checkReplies)
      const answer = await fetch(`${server.url}/long`)
      const { a } = (await answer.json()) as { a: string }

      assert.equal(answer.headers.get('content-type'), 'application/json')
      assert.equal(a.length, 5 * pieceBytes)
    })

  it('is made no further than the client takes it, and counts a piece as unsent', async () => {
    const making = { pieces: 0, isEnded: false }
    await using server = await start(making, 500)
    const socket = askWithoutReading(server)
    let before = -1
    // The kernel takes some of it for the client.
    await until(async () => {
      const isStanding = making.pieces === before && making.pieces > 0
      before = making.pieces
      await sleep(100)
      return isStanding
    })
    const bytes = await unsent(server)
    const made = making.pieces
    socket.destroy()
    await until(() => making.isEnded)

    assert.ok(made < 50, `${made} pieces were made`)
    assert.equal(bytes, pieceBytes)
    assert.equal(await unsent(server), 0)
  })

  it('is not taken for whole where the making fails', async () => {
    const making = { pieces: 0, isEnded: false }
    const { log, errors } = errorLog()
    await using server = await startTestServer({ log, endpoints: [answering(making, failsAfter)], checkReplies: false })
    const answer = await fetch(`${server.url}/long`)

    assert.equal(answer.status, 200)
    await assert.rejects(answer.text())
    assert.equal(errors.length, 1)
  })
})
