import type { TestEngine } from '../support/server/databases.ts'
import { acts, type ActKind } from './acts/index.ts'
import { emptyView } from './client-view.ts'
import { followOn, freshView } from './follow.ts'
import { forgetStrangers, viewsAgree } from './invariants/agreement.ts'
import { coldAnswersAreWarm } from './invariants/cold.ts'
import { readsAgree } from './invariants/reads.ts'
import { leftStateIsKnown, stateIsKnown } from './invariants/room-state.ts'
import { describeEnd, type End } from './end.ts'
import type { InvariantName, Report, Violation } from './report.ts'
import type { Setting } from './setting.ts'
import type { Step } from './steps.ts'
import { openWorld, type Device, type Person, type World } from './world.ts'

export type Sequence = { setting: Setting; steps: Step[] }
export type Outcome = { violations: Violation[]; end: End }

type Options = { engine?: TestEngine; wanted: ReadonlySet<InvariantName> }

/** Lives through a sequence on a fresh server; stops at the first step after which something wanted does not hold. */
export async function runSequence({ setting, steps }: Sequence, { engine, wanted }: Options): Promise<Outcome> {
  await using world = await openWorld(setting, engine)
  const violations: Violation[] = []
  const replies: string[] = []
  let at = 'at the start'
  const report: Report = (invariant, message) => {
    if (wanted.has(invariant)) violations.push({ invariant, message: `${at}: ${message}` })
  }
  for (const [number, step] of steps.entries()) {
    at = `step ${number}`
    await world.server.clock.advance(1000)
    replies.push(await take(world, step, report))
    await world.server.settle()
    for (const message of world.errors.splice(0)) report('no-errors', `${step.kind} made the server log: ${message}`)
    if (violations.length > 0) break
  }
  at = 'at the end'
  if (violations.length === 0) await check(world, report)
  return { violations, end: violations.length > 0 ? { replies, views: [] } : await describeEnd(world, replies) }
}

/** Answers what the server said, in a word. */
async function take(world: World, step: Step, report: Report): Promise<string> {
  const person = world.people[step.who % world.people.length]!
  const device = person.devices[step.choice % person.devices.length]!
  switch (step.kind) {
    case 'sync':
      await followOn(world, device, report)
      return 'synced'
    case 'rewind':
      goBack(device, step.event)
      return 'gone back'
    case 'check':
      await checkPerson(world, person, report)
      return 'checked'
    case 'evict':
      await world.evictAll()
      return 'evicted'
    case 'restart':
      await world.server.restart()
      return 'restarted'
    case 'wait':
      await world.server.clock.advance(30_000 * (step.choice + 1))
      return 'waited'
    default:
      return act(world, { ...step, kind: step.kind }, report)
  }
}

async function act(world: World, step: Step & { kind: ActKind }, report: Report): Promise<string> {
  const person = world.people[step.who % world.people.length]!
  const room = world.rooms[step.room % world.rooms.length]!
  const reply = await acts[step.kind].run({
    world,
    person,
    user: person.devices[0]!.user,
    room,
    target: world.people[step.target % world.people.length]!,
    eventId: room.events.at(-1 - (step.event % room.events.length))!,
    choice: step.choice,
  })
  if (reply && reply.status >= 500) report('no-errors', `${step.kind} was answered ${reply.status}`)
  return `${step.kind} ${reply?.status ?? ''}`
}

/** The client lost what it had after a former answer, and goes on from that. */
function goBack(device: Device, steps: number): void {
  const to = Math.max(0, device.formerViews.length - 1 - steps)
  device.view = device.formerViews[to] ?? emptyView()
  device.formerViews.length = Math.min(device.formerViews.length, to)
}

/** Everything that must hold between any two steps. */
async function check(world: World, report: Report): Promise<void> {
  for (const person of world.people) await checkPerson(world, person, report)
  await coldAnswersAreWarm(world, report)
}

async function checkPerson(world: World, person: Person, report: Report): Promise<void> {
  for (const device of person.devices) {
    // What changes very often is announced a few times a second.
    await world.server.clock.advance(1000)
    await followOn(world, device, report)
    const fresh = await freshView(person.fresh, device.shape, report)
    await forgetStrangers(device, fresh)
    viewsAgree(device, fresh, report)
    await stateIsKnown(device, fresh, report)
    await leftStateIsKnown(world, device, report)
  }
  await readsAgree(world, person, report)
}
