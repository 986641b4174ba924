import assert from 'node:assert/strict'
import fc from 'fast-check'
import { allEndpoints } from '#api/index.ts'
import type { Log } from '#base/log.ts'
import type { Endpoint } from '#http/endpoint.ts'
import { requestsTo, type GeneratedRequest } from '../support/generators/arbitrary-requests.ts'
import { accepted, testPassword, type TestClient, type TestReply, type TestUser } from '../support/server/client.ts'
import type { FakeClock } from '../support/server/clock.ts'
import { placeholders, type Known } from '../support/generators/odd-values.ts'
import { createRoom, join, roomPath, sendText } from '../support/rooms/rooms.ts'
import { SeededRandom } from '../support/generators/seeded-random.ts'
import { startTestServer, type TestServer } from '../support/server/server.ts'

const runs = Number(process.env.FUZZ_RUNS ?? 8)
const seed = Number(process.env.FUZZ_SEED ?? 1)

const client = '/_matrix/client/v3'

/** People who take part, with rooms and everything else that requests may name. */
async function populate(server: TestServer) {
  const people = [await server.register('alice'), await server.register('bob')]
  const [alice, bob] = people as [TestUser, TestUser]
  const canary = await server.register('canary')
  const rooms = [
    await createRoom(alice, { preset: 'public_chat', room_alias_name: 'lounge', visibility: 'public' }),
    await createRoom(alice, { preset: 'private_chat', invite: [bob.userId], room_version: '10' }),
    await createRoom(bob, { preset: 'trusted_private_chat', room_version: '1' }),
  ]
  await join(bob, rooms[0]!)
  const events = [await sendText(alice, rooms[0]!, 'one'), await sendText(bob, rooms[2]!, 'two')]
  const nest = await createRoom(canary, { name: 'nest', preset: 'private_chat' })
  events.push(await sendText(canary, nest, 'chirp'))
  const filter = accepted(await alice.request('POST', `${client}/user/${alice.userId}/filter`, { room: {} }))
  const synced = accepted(await alice.request('GET', `${client}/sync`))
  const backup = { algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: { public_key: 'a' } }
  const version = accepted(await alice.request('POST', `${client}/room_keys/version`, backup)).version
  const known: Known = {
    userid: [
      placeholders.user,
      placeholders.user,
      placeholders.user,
      alice.userId,
      bob.userId,
      canary.userId,
      '@nobody:test',
      '@far:elsewhere.example',
    ],
    user: ['alice', 'bob', alice.userId],
    username: ['alice', 'fresh'],
    password: [testPassword],
    roomid: [...Array<string>(8).fill(placeholders.room), ...rooms, nest, '!gone:test', '!far:elsewhere.example'],
    roomidoralias: [placeholders.room, ...rooms, nest, '#lounge:test'],
    roomalias: ['#lounge:test', '#new:test', '#far:elsewhere.example'],
    roomaliasname: ['fresh', 'lounge'],
    eventid: [...Array<string>(5).fill(placeholders.event), ...events, '$gone'],
    eventtype: ['m.room.message', 'm.room.member', 'm.room.power_levels', 'm.room.name', 'm.room.redaction', 'x'],
    type: ['m.room.message', 'm.login.password', 'm.login.dummy', 'm.tag', 'm.push_rules', 'm.direct', 'x'],
    statekey: ['', placeholders.user, bob.userId, '#lounge:test'],
    deviceid: [placeholders.device, placeholders.device, bob.deviceId, 'NEW'],
    txnid: ['one', 'two'],
    version: [version, '1', '10', '12'],
    roomversion: ['1', '9', '11', '12'],
    sessionid: ['session', 'other'],
    filterid: [filter.filter_id, '0'],
    filter: [filter.filter_id, '{"room":{"timeline":{"limit":1}}}', '{}', '{'],
    since: [synced.next_batch],
    from: [synced.next_batch],
    to: [synced.next_batch],
    membership: ['join', 'leave', 'invite', 'ban', 'knock'],
    notmembership: ['join', 'leave'],
    dir: ['b', 'f'],
    preset: ['public_chat', 'private_chat'],
    visibility: ['public', 'private'],
    presence: ['online', 'offline', 'unavailable'],
    setpresence: ['online', 'offline'],
    kind: ['override', 'content', 'room', 'sender', 'underride'],
    ruleid: ['.m.rule.master', 'mine', rooms[0]!],
    receipttype: ['m.read', 'm.read.private', 'm.fully_read'],
    reltype: ['m.thread', 'm.annotation', 'm.replace'],
    keyname: ['displayname', 'avatar_url', 'm.tz', 'x.y'],
    algorithm: ['m.megolm_backup.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
    tag: ['m.favourite', 'u.x'],
    scope: ['global', 'device'],
  }
  return { people, canary, nest, known }
}

/** Everybody of whom requests may come: who was logged out comes back, and now and then they meet in a new room. */
class Crowd {
  readonly #server: TestServer
  readonly #people: TestUser[]
  readonly #random: SeededRandom
  #newcomers = 0
  #place = { room: '', event: '' }

  constructor(server: TestServer, people: readonly TestUser[], random: SeededRandom) {
    this.#server = server
    this.#people = [...people]
    this.#random = random
  }

  /** Puts everybody into a new room with a message. */
  async meet(): Promise<void> {
    const [host, ...guests] = this.#people
    const room = await createRoom(host!, { preset: 'public_chat' })
    for (const guest of guests) await join(guest, room)
    this.#place = { room, event: await sendText(host!, room, 'hello') }
  }

  async send(endpoint: Endpoint, { method, path, body }: GeneratedRequest): Promise<TestReply> {
    const number = this.#random.below(this.#people.length)
    const person = this.#people[number]!
    const sender: TestClient = this.#random.chance(0.95) ? person : this.#server.anonymous
    const values = { ...this.#place, user: person.userId, device: person.deviceId }
    const request = sender.request(method, filled(path, values, encodeURIComponent), body && filled(body, values))
    const reply = await answered(this.#server.clock, request, endpoint)
    const mayEndSessions = method === 'POST' || method === 'DELETE' || reply.status === 401
    if (sender === person && mayEndSessions) await this.#keep(number, person)
    return reply
  }

  /** Sessions end, and accounts too. */
  async #keep(number: number, { request, userId }: TestUser): Promise<void> {
    if ((await request('GET', `${client}/account/whoami`)).status === 200) return
    const back = () => this.#server.login(userId)
    const other = () => this.#server.register(`newcomer${++this.#newcomers}`)
    this.#people[number] = await back().catch(other)
    await join(this.#people[number], this.#place.room)
  }
}

function filled(text: string, values: Record<keyof typeof placeholders, string>, encode = (value: string) => value) {
  const names = Object.keys(placeholders) as (keyof typeof placeholders)[]
  return names.reduce((so, name) => so.replaceAll(placeholders[name], () => encode(values[name])), text)
}

/** Long polls wait for the clock: it runs until they answer. */
async function answered(clock: FakeClock, reply: Promise<TestReply>, { query }: Endpoint): Promise<TestReply> {
  if (!query?.properties.timeout) return reply
  let waiting = true
  const done = reply.finally(() => (waiting = false))
  while (waiting) await clock.advance(60_000)
  return done
}

/** What is wrong with an answer, whatever the question was. */
function fault({ status, body, headers }: TestReply): string | undefined {
  // Another server cannot be asked: no fault of this one.
  if (status === 502 && body?.errcode === 'M_UNKNOWN' && / cannot be asked: /.test(body?.error)) return undefined
  if (status >= 500) return `status ${status}`
  if (headers.get('access-control-allow-origin') !== '*') return 'no CORS header'
  if (status < 400) return undefined
  const interactive = status === 401 && Array.isArray(body?.flows)
  if (!interactive && typeof body?.errcode !== 'string') return `${status} without errcode`
  return undefined
}

const lasting = (events: { event_id: string; unsigned?: object }[]) =>
  new Map(events.map(({ unsigned: _, ...event }) => [event.event_id, event]))

/** What nobody but its only member may change. */
const look = async (canary: TestUser, nest: string) => ({
  state: lasting(accepted(await canary.request('GET', roomPath(nest, 'state')))),
  messages: lasting(accepted(await canary.request('GET', `${roomPath(nest, 'messages')}?dir=b&limit=100`)).chunk),
  members: accepted(await canary.request('GET', roomPath(nest, 'joined_members'))),
  account: accepted(await canary.request('GET', `${client}/account/whoami`)),
})

describe('generated requests', function () {
  this.timeout(runs * 20_000)

  it('never fail inside, are refused with an error code, and leave the rooms of others alone', async () => {
    const errors: unknown[] = []
    const log: Log = { error: (...said) => void errors.push(said), warn() {}, info() {}, debug() {}, child: () => log }
    await using server = await startTestServer({ log })
    const { people, canary, nest, known } = await populate(server)
    const before = await look(canary, nest)
    const random = new SeededRandom(seed)
    const crowd = new Crowd(server, people, random)
    const questions = allEndpoints().flatMap((endpoint, number) =>
      fc
        .sample(requestsTo(endpoint, known), { numRuns: runs, seed: seed * 1000 + number })
        .map((request) => ({ endpoint, request })),
    )

    const faults = []
    for (const [number, { endpoint, request }] of random.shuffled(questions).entries()) {
      if (number % 50 === 0) await crowd.meet()
      const reply = await crowd.send(endpoint, request)
      const wrong = fault(reply)
      if (wrong || errors.length > 0) faults.push({ wrong, ...request, reply: reply.body, errors: errors.splice(0) })
    }

    assert.deepEqual(faults, [], `FUZZ_SEED=${seed} FUZZ_RUNS=${runs}`)
    assert.equal((await server.anonymous.request('GET', '/_matrix/client/versions')).status, 200)
    assert.deepEqual(await look(canary, nest), before)
  })
})
