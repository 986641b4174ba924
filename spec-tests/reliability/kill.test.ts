import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { accepted, registerUser, testClient, type TestReply, type TestUser } from '../support/server/client.ts'
import { createTestDatabase, type TestDatabase } from '../support/server/databases.ts'
import { assertDatabaseIsRight } from '../support/rooms/room-check.ts'
import { createRoom, join, putState, roomPath } from '../support/rooms/rooms.ts'
import { SeededRandom } from '../support/generators/seeded-random.ts'
import { startServerProcess, type ServerProcess } from '../support/server/server-process.ts'

const restarts = 20
const clients = 5

type Sent = { roomId: string; txnId: string; eventId: string }

/** The server of the moment: what asks for it waits while there is none. */
class Mortal {
  readonly #database: TestDatabase
  #process: ServerProcess | undefined
  #up = Promise.withResolvers<string>()
  #wasUp = false

  constructor(database: TestDatabase) {
    this.#database = database
  }

  get url(): Promise<string> {
    return this.#up.promise
  }

  start(): void {
    const started = startServerProcess(this.#database)
    this.#process = started
    started.ready.then((url) => {
      // It may have been killed while its last line was on its way.
      if (url === undefined || this.#process !== started) return
      this.#wasUp = true
      this.#up.resolve(url)
    }, this.#up.reject)
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const ending = this.#process
    this.#process = undefined
    // Who waits for a process that never came up gets the next one.
    if (this.#wasUp) this.#up = Promise.withResolvers()
    this.#wasUp = false
    await ending?.end(signal)
  }

  /** Asks until there is an answer, as a client does that must not lose a message. */
  async insist(user: TestUser, method: string, path: string, body?: object): Promise<TestReply['body']> {
    for (;;) {
      const url = await this.url
      const reply = await testClient(url, user.accessToken)
        .request(method, path, body)
        .catch(() => undefined)
      if (reply) return accepted(reply)
      // The connection broke: the process is dying, and the next address comes with the next process.
      await pause(5)
    }
  }
}

/** Sends one message after another until told to stop; answers those that the server acknowledged: all. */
async function chatter(server: Mortal, user: TestUser, { rooms, stop }: { rooms: string[]; stop: AbortSignal }) {
  const sent: Sent[] = []
  while (!stop.aborted) {
    const txnId = `${user.userId}-${sent.length}`
    const roomId = rooms[sent.length % rooms.length]!
    const path = roomPath(roomId, 'send', 'm.room.message', txnId)
    const { event_id: eventId } = await server.insist(user, 'PUT', path, { msgtype: 'm.text', body: txnId })
    sent.push({ roomId, txnId, eventId })
  }
  return sent
}

/** The messages of a room as its reader pages through them: text and event id. */
async function read(server: Mortal, user: TestUser, roomId: string): Promise<{ text: string; eventId: string }[]> {
  const found = []
  let from = ''
  for (;;) {
    const path = `${roomPath(roomId, 'messages')}?dir=b&limit=100${from && `&from=${from}`}`
    const { chunk, end } = await server.insist(user, 'GET', path)
    found.push(...chunk.filter(({ type }: { type: string }) => type === 'm.room.message'))
    if (end === undefined) break
    from = encodeURIComponent(end)
  }
  return found.map(({ content, event_id: eventId }) => ({ text: content.body, eventId }))
}

const byId = (one: { eventId: string }, other: { eventId: string }) => (one.eventId < other.eventId ? -1 : 1)

describe('a server that is killed', function () {
  this.timeout(180_000)

  it('keeps every acknowledged event, each once, and its rooms go on', async () => {
    const seed = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000)
    const random = new SeededRandom(seed)
    console.log(`      KILL_SEED=${seed}`)
    const database = await createTestDatabase()
    const server = new Mortal(database)
    server.start()
    try {
      const { users, rooms } = await populate(await server.url)
      const stop = new AbortController()
      const chats = Promise.all(users.map((user) => chatter(server, user, { rooms, stop: stop.signal })))
      for (let round = 0; round < restarts; round++) {
        // One in five dies while it starts.
        if (random.chance(0.8)) await server.url
        await pause(random.below(400))
        await server.kill()
        server.start()
      }
      await server.url
      stop.abort()
      const sent = (await chats).flat()

      assert.ok(sent.length > restarts, `only ${sent.length} events were sent`)
      for (const roomId of rooms) {
        const expected = sent.filter((event) => event.roomId === roomId)
        const found = await read(server, users[0]!, roomId)
        assert.deepEqual(
          found.sort(byId),
          expected.map(({ txnId, eventId }) => ({ text: txnId, eventId })).sort(byId),
          `KILL_SEED=${seed}`,
        )
      }
      await assertGoesOn(server, users, sent)
      await assertDatabaseIsRight(database)
    } finally {
      await server.kill('SIGTERM')
      await database.remove()
    }
  })
})

async function populate(url: string): Promise<{ users: TestUser[]; rooms: string[] }> {
  const users = []
  for (let number = 0; number < clients; number++) users.push(await registerUser(url, `user${number}`))
  const rooms = [
    await createRoom(users[0]!, { preset: 'public_chat' }),
    await createRoom(users[1]!, { preset: 'public_chat' }),
  ]
  for (const roomId of rooms) for (const user of users) accepted(await join(user, roomId))
  return { users, rooms }
}

/** Transactions are still known, and messages, state and synchronisation work. */
async function assertGoesOn(server: Mortal, users: TestUser[], sent: Sent[]): Promise<void> {
  const url = await server.url
  for (const user of users) {
    const { roomId, txnId, eventId } = sent.findLast(({ txnId }) => txnId.startsWith(user.userId))!
    const path = roomPath(roomId, 'send', 'm.room.message', txnId)
    assert.equal((await server.insist(user, 'PUT', path, { msgtype: 'm.text', body: txnId })).event_id, eventId)
  }
  const [user] = users as [TestUser]
  const now: TestUser = { ...user, ...testClient(url, user.accessToken) }
  const { roomId } = sent[0]!
  const { next_batch: since } = accepted(await now.request('GET', '/_matrix/client/v3/sync?timeout=0'))
  const named = accepted(await putState(now, roomId, ['m.room.name'], { name: 'still here' }))
  const { rooms } = accepted(await now.request('GET', `/_matrix/client/v3/sync?timeout=0&since=${since}`))
  const news = rooms.join[roomId].timeline.events.map((event: { event_id: string }) => event.event_id)
  assert.deepEqual(news, [named.event_id])
}
