import { difference } from '../../sequences/report.ts'
import { ownKeys, readDevice, refreshKeys } from '../read-device.ts'
import type { Person, World } from '../world.ts'
import type { Report } from './report.ts'

/** Every message to a device that is still there has arrived once, and in the order in which its sender sent them. */
export async function messagesArrived({ people }: World, report: Report): Promise<void> {
  for (const device of people.flatMap(({ devices }) => devices)) {
    if (device.isGone) continue
    await readDevice(device)
    const senders = new Set([...device.expected.keys(), ...device.received.keys()])
    for (const sender of senders) {
      const [sent, come] = [device.expected.get(sender) ?? [], device.received.get(sender) ?? []]
      if (JSON.stringify(sent) !== JSON.stringify(come))
        report('to-device', `${device.name}: of ${sender} came [${come.join()}], not [${sent.join()}]`)
    }
  }
}

/** No one-time key was given twice. */
export function keysAreGivenOnce({ claimed }: World, report: Report): void {
  const given = new Set<string>()
  for (const key of claimed)
    if (given.has(key)) report('one-time-keys', `${key} was given twice`)
    else given.add(key)
}

/** A client that asks whenever it hears of a change has the keys of everybody it shares a room with. */
export async function keysAreKnown(world: World, report: Report): Promise<void> {
  const own = new Map<Person, Awaited<ReturnType<typeof ownKeys>>>()
  for (const person of world.people) own.set(person, await ownKeys(person))
  for (const person of world.people) {
    const [device] = person.devices
    const failed = await refreshKeys(device!, world)
    if (Object.keys(failed?.body.failures ?? {}).length > 0)
      report('device-lists', `${person.name} reaches not all: ${JSON.stringify(failed?.body.failures)}`)
    for (const other of world.people) {
      if (other === person || !(await shareRoom(world, person, other))) continue
      const found = difference(own.get(other), device!.keys.get(other.userId))
      if (found !== undefined)
        report('device-lists', `${person.name} of ${other.name}: own server <> client of another at ${found}`)
    }
  }
}

/** As the person's server sees it. */
async function shareRoom({ rooms }: World, { server, userId }: Person, other: Person): Promise<boolean> {
  for (const { roomId } of rooms) {
    const room = await server.context.rooms.find(roomId)
    if (room?.members.get(userId) === 'join' && room.members.get(other.userId) === 'join') return true
  }
  return false
}
