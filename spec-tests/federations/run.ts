import { setTimeout as sleep } from 'node:timers/promises'
import { acts, type ActKind } from './acts/index.ts'
import { keysAreGivenOnce, keysAreKnown, messagesArrived } from './invariants/devices.ts'
import type { Report, Violation } from './invariants/report.ts'
import { nothingWaits } from './invariants/queues.ts'
import { roomsAgree, roomsAreRight } from './invariants/rooms.ts'
import { happen } from './events.ts'
import { makePeace } from './peace.ts'
import type { EventKind, Plan, Step } from './plan.ts'
import type { FederatedServer, Servers } from './servers.ts'
import { isIn, openWorld, type World } from './world.ts'

/** Lives through a plan; answers what did not hold. `run` makes its names differ from those of others on these servers. */
export async function runPlan(
  shared: Servers,
  plan: Plan,
  run = 0,
  trace: (step: string) => void = () => {},
): Promise<Violation[]> {
  const violations: Violation[] = []
  let at = 'at the start'
  const report: Report = (invariant, message) => void violations.push({ invariant, message: `${at}: ${message}` })
  try {
    const world = await openWorld(shared, plan, run)
    for (const [number, step] of plan.steps.entries()) {
      at = `step ${number} (${step.kind})`
      trace(at)
      await shared.clock.advance(1000)
      await take(world, step, report)
      if (number % plan.haste === 0) await shared.settle()
      await forgetLeft(world)
      noteErrors(world, report)
      if (violations.length > 0) return violations
    }
    at = 'while all is healed'
    trace(at)
    await makePeace(world)
    at = 'at the end'
    trace(at)
    await check(world, report)
  } catch (error) {
    report('crash', error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  return violations
}

async function take(world: World, step: Step, report: Report): Promise<void> {
  if (isAct(step.kind)) return act(world, { ...step, kind: step.kind }, report)
  if (step.kind !== 'rush') return happen(world, { ...step, kind: step.kind as EventKind })
  // Several at once, of different people.
  const kinds: readonly ActKind[] = ['send', 'customState', 'toDevice', 'topic', 'join']
  await Promise.all(
    kinds.map((kind, index) => act(world, { ...step, kind, who: step.who + index, room: step.room + index }, report)),
  )
}

const isAct = (kind: Step['kind']): kind is ActKind => kind in acts

async function act(world: World, step: Step & { kind: ActKind }, report: Report): Promise<void> {
  const person = world.people[step.who % world.people.length]!
  if (!person.server.isRunning) return
  const room = world.rooms[step.room % world.rooms.length]!
  const devices = person.devices.filter(({ isGone }) => !isGone)
  const { run, isRemote = false } = acts[step.kind]
  const acting = run({
    world,
    person,
    user: person.devices[0]!.user,
    device: devices[step.choice % devices.length]!,
    room,
    target: world.people[step.target % world.people.length]!,
    eventId: room.events.at(-1 - (step.event % Math.max(1, room.events.length))),
    choice: step.choice,
  })
  const reply = await patiently(world, person.server, acting)
  // Members that nobody gives are waited for, but not for ever.
  const isUsual = reply?.status === 503 || (isRemote && reply?.status === 502)
  if (reply && reply.status >= 500 && !isUsual)
    report('no-errors', `${step.kind} was answered ${reply.status} ${JSON.stringify(reply.body)}`)
}

/** What waits for members goes on as time passes. */
async function patiently<T>({ shared, rooms }: World, { context }: FederatedServer, acting: Promise<T>): Promise<T> {
  for (;;) {
    const isDone = await Promise.race([acting.then(() => true), sleep(50, false)])
    if (isDone) return acting
    const found = await Promise.all(rooms.map(({ roomId }) => context.rooms.find(roomId)))
    if (found.some((room) => room?.isPartial)) await shared.clock.advance(20_000)
  }
}

/** A server that was out of a room in between need not know what was said then. */
async function forgetLeft({ servers, rooms }: World): Promise<void> {
  for (const room of rooms)
    for (const server of servers)
      if (server.isRunning && !(await isIn(server, room)))
        for (const { witnesses } of room.sent) witnesses.delete(server.name)
}

function noteErrors({ shared }: World, report: Report): void {
  for (const message of shared.errors.splice(0)) report('no-errors', `logged: ${message}`)
}

async function check(world: World, report: Report): Promise<void> {
  for (const room of world.rooms) await roomsAgree(world, room, report)
  await roomsAreRight(world, report)
  await messagesArrived(world, report)
  await nothingWaits(world, report)
  await keysAreKnown(world, report)
  keysAreGivenOnce(world, report)
  noteErrors(world, report)
}
