import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'
import { accepted, loginUser, registerUser, type TestUser } from '../support/server/client.ts'
import { createRoom, join } from '../support/rooms/rooms.ts'
import type { Plan, RoomPlan } from './plan.ts'
import type { FederatedServer, Servers } from './servers.ts'

/** The keys of somebody as a client or their own server has them. */
export type KnownKeys = { devices: Record<string, unknown>; master: unknown; selfSigning: unknown }

/** A session, and what was sent to it. */
export type Device = {
  name: string
  user: TestUser
  since: string | undefined
  isGone: boolean
  /** Messages to it that its server or that of the sender took, by sender, in order. */
  expected: Map<UserId, number[]>
  received: Map<UserId, number[]>
  /** The keys of others, as far as they are up to date. */
  keys: Map<UserId, KnownKeys>
}

export type Person = { name: string; userId: UserId; server: FederatedServer; devices: Device[] }

/** An event that a client was told to be sent, and the servers that were in the room then. */
export type SentEvent = { eventId: string; by: ServerName; witnesses: Set<ServerName> }

export type WorldRoom = {
  roomId: RoomId
  creator: Person
  /** What steps may name, the newest last. */
  events: string[]
  sent: SentEvent[]
  /** What there was before the first step: state that is set to what it is already answers the event that it has. */
  first: ReadonlySet<string>
}

/** The people and rooms of a plan, and what a test knows of them. */
export type World = {
  shared: Servers
  servers: FederatedServer[]
  people: Person[]
  rooms: WorldRoom[]
  /** Whether anything was done after which servers may rightly soft-fail what others accepted. */
  mayDiffer: boolean
  nextNumber(): number
  /** One-time keys that anyone was given. */
  claimed: string[]
}

/** Runs are apart from each other by the names of their people. */
export async function openWorld(shared: Servers, plan: Plan, run: number): Promise<World> {
  shared.weather.begin(plan.seed)
  shared.network.healAll()
  shared.errors.length = 0
  const servers = await shared.first(plan.servers)
  let numbers = 0
  const world: World = {
    shared,
    servers,
    people: [],
    rooms: [],
    mayDiffer: false,
    claimed: [],
    nextNumber: () => numbers++,
  }
  for (let number = 0; number < plan.servers + plan.morePeople; number++) {
    const server = servers[number % servers.length]!
    const name = `r${run}p${number}`
    const user = await registerUser(server.url, name)
    world.people.push({ name, userId: user.userId, server, devices: [newDevice(name, user)] })
  }
  for (const room of plan.rooms) world.rooms.push(await openRoom(world, room))
  await shared.settle()
  return world
}

export const newDevice = (name: string, user: TestUser): Device => ({
  name: `${name} ${user.deviceId}`,
  user,
  since: undefined,
  isGone: false,
  expected: new Map(),
  received: new Map(),
  keys: new Map(),
})

export async function logIn(person: Person): Promise<Device> {
  const device = newDevice(person.name, await loginUser(person.server.url, person.name))
  person.devices.push(device)
  return device
}

/** The session that acts for them; it is never logged out. */
export const actingUser = ({ devices }: Person): TestUser => devices[0]!.user

async function openRoom({ people, shared }: World, plan: RoomPlan): Promise<WorldRoom> {
  const creator = people[plan.creator % people.length]!
  const chosen = plan.members.map((number) => people[number % people.length]!)
  const members = [...new Set(chosen)].filter((person) => person !== creator)
  const initial = [
    ['m.room.history_visibility', { history_visibility: plan.visibility }],
    ['m.room.join_rules', { join_rule: joinRuleFor(plan) }],
    ['m.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' }],
  ] as const
  const roomId = await createRoom(actingUser(creator), {
    preset: 'private_chat',
    room_version: plan.version,
    initial_state: initial.map(([type, content]) => ({ type, state_key: '', content })),
    power_level_content_override: { invite: 0 },
  })
  for (const { userId } of members)
    accepted(await actingUser(creator).request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: userId })) // prettier-ignore
  for (const member of members) accepted(await join(actingUser(member), roomId))
  await shared.settle()
  const held = await creator.server.context.rooms.get(roomId)
  const first = new Set<string>([...held.state.values()].map(({ eventId }) => eventId))
  return { roomId, creator, events: [], sent: [], first }
}

/** Before version 7 nobody can knock. */
const joinRuleFor = ({ joinRule, version }: RoomPlan): string =>
  joinRule === 'knock' && Number(version) < 7 ? 'public' : joinRule

/** Whether a server takes itself to be in the room. */
export async function isIn(
  { name, context }: FederatedServer,
  { roomId }: Pick<WorldRoom, 'roomId'>,
): Promise<boolean> {
  const room = await context.rooms.find(roomId)
  return (room?.joinedByServer.get(name) ?? 0) > 0
}
