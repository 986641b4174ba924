import assert from 'node:assert/strict'
import type { RoomId, UserId } from '#protocol/ids.ts'
import { loginUser, registerUser, type TestUser } from '../support/server/client.ts'
import { evictAll } from '../support/server/evict-all.ts'
import { startRestartableServer, type RestartableServer } from '../support/server/restartable-server.ts'
import type { TestEngine } from '../support/server/databases.ts'
import { client } from './acts/act.ts'
import { emptyView, type ClientView } from './client-view.ts'
import { shapes, type RoomPlan, type Setting, type SyncShape } from './setting.ts'

/** A session that follows what happens, and what it has made of it. */
export type Device = {
  name: string
  person: Person
  user: TestUser
  shape: SyncShape
  view: ClientView
  /** Former views, the oldest first: a client may go on from any of them. */
  formerViews: ClientView[]
}

export type Person = {
  name: string
  userId: UserId
  devices: Device[]
  /** A session that starts anew whenever it reads. */
  fresh: TestUser
  ignored: string[]
}

export type WorldRoom = {
  roomId: RoomId
  /** What steps may name, the newest last. */
  events: string[]
  /** Where threads start. */
  roots: string[]
}

/** A server with the people of a setting, and what a test knows of them. */
export type World = AsyncDisposable & {
  server: RestartableServer
  people: Person[]
  rooms: WorldRoom[]
  /** Failures that the server logged. */
  errors: string[]
  newTransaction(): string
  noteJoin(person: Person, room: Pick<WorldRoom, 'roomId'>): void
  /** Whether somebody has ever been in a room. */
  wasIn(userId: string, roomId: string): boolean
  noteDeparture(person: Person, room: WorldRoom): void
  /** How often somebody has left a room. */
  departures(userId: string, roomId: string): number
  noteIgnored(person: Person, ignored: string[]): void
  evictAll(): Promise<void>
}

export async function openWorld(setting: Setting, engine?: TestEngine): Promise<World> {
  const errors: string[] = []
  const log = silentBut(errors)
  const server = await startRestartableServer({ log, ...(engine && { engine }) })
  const world = worldOf(server, errors)
  for (const [number, shapeNumbers] of setting.people.entries())
    world.people.push(await openPerson(server.url, `person${number}`, shapeNumbers))
  for (const plan of setting.rooms) world.rooms.push(await openRoom(world, plan))
  await server.settle()
  return world
}

const silentBut = (errors: string[]): typeof log => {
  const log = {
    error: (message: string, fields?: object) => void errors.push(`${message} ${JSON.stringify(fields)}`),
    warn: () => {},
    info: () => {},
    debug: () => {},
    child: () => log,
  }
  return log
}

function worldOf(server: RestartableServer, errors: string[]): World {
  const joined = new Set<string>()
  const departures = new Map<string, number>()
  let transactions = 0
  const world: World = {
    server,
    errors,
    people: [],
    rooms: [],
    newTransaction: () => `t${transactions++}`,
    noteJoin: ({ userId }, { roomId }) => void joined.add(`${userId} ${roomId}`),
    wasIn: (userId, roomId) => joined.has(`${userId} ${roomId}`),
    noteDeparture({ userId }, { roomId }) {
      const key = `${userId} ${roomId}`
      departures.set(key, (departures.get(key) ?? 0) + 1)
    },
    departures: (userId, roomId) => departures.get(`${userId} ${roomId}`) ?? 0,
    noteIgnored(person, ignored) {
      person.ignored = ignored
      // Clients read timelines anew then: what they had may have been with or without those people.
      for (const device of person.devices)
        for (const view of [device.view, ...device.formerViews])
          for (const room of Object.values(view.joined)) room.timeline = []
    },
    evictAll() {
      return evictAll(server.context, world.rooms.map(({ roomId }) => roomId)) // prettier-ignore
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
  return world
}

async function openPerson(url: string, name: string, shapeNumbers: readonly number[]): Promise<Person> {
  const first = await registerUser(url, name)
  const person: Person = { name, userId: first.userId, devices: [], fresh: await loginUser(url, name), ignored: [] }
  for (const [index, number] of shapeNumbers.entries()) {
    const user = index === 0 ? first : await loginUser(url, name)
    const shape = shapes[number % shapes.length]!
    person.devices.push({
      name: `${name} (${shape.name})`,
      person,
      user,
      shape,
      view: emptyView(),
      formerViews: [],
    })
  }
  return person
}

async function openRoom(world: World, plan: RoomPlan): Promise<WorldRoom> {
  const { people } = world
  const creator = people[plan.creator % people.length]!
  const members = [...new Set(plan.members.map((number) => people[number % people.length]!))].filter(
    (person) => person !== creator,
  )
  const initial = [
    ['m.room.history_visibility', { history_visibility: plan.visibility }],
    ['m.room.join_rules', { join_rule: plan.joinRule }],
    ...(plan.isEncrypted ? ([['m.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' }]] as const) : []),
  ] as const
  const { fresh } = creator
  const made = await fresh.request('POST', `${client}/createRoom`, {
    preset: 'private_chat',
    room_version: plan.version,
    initial_state: initial.map(([type, content]) => ({ type, state_key: '', content })),
    power_level_content_override: { invite: 0 },
    invite: members.map(({ userId }) => userId),
  })
  assert.equal(made.status, 200, JSON.stringify(made.body))
  const roomId: RoomId = made.body.room_id
  for (const member of members)
    await member.fresh.request('POST', `${client}/rooms/${encodeURIComponent(roomId)}/join`, {})
  for (const person of [creator, ...members]) world.noteJoin(person, { roomId })
  const path = `${client}/rooms/${encodeURIComponent(roomId)}/send/m.room.message/first`
  const first = await fresh.request('PUT', path, { msgtype: 'm.text', body: 'first' })
  return { roomId, events: [first.body.event_id], roots: [] }
}
