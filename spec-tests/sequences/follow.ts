import { client } from './acts/act.ts'
import { readEvents, type Report } from './report.ts'
import type { TestUser } from '../support/server/client.ts'
import type { Synced } from '../support/server/sync.ts'
import { emptyView, eventsBehind, withAnswer, type ClientView } from './client-view.ts'
import { isLazy, type SyncShape } from './setting.ts'
import type { Device, World } from './world.ts'

type Asked = {
  shape: SyncShape
  since: string | undefined
  /** Whether its sync makes nobody seem to be there. */
  isOnlooker?: boolean
  report: Report
}

/** One /sync; undefined when it was refused, which is reported. */
export async function syncWith(
  user: TestUser,
  { shape, since, isOnlooker = false, report }: Asked,
): Promise<Synced | undefined> {
  const query = new URLSearchParams({
    filter: JSON.stringify(shape.filter),
    timeout: '0',
    ...(since !== undefined && { since }),
    ...(isOnlooker && { set_presence: 'offline' }),
    ...(shape.stateAfter && { use_state_after: 'true' }),
  })
  const { status, body } = await user.request('GET', `${client}/sync?${query.toString()}`)
  if (status === 200) return body as Synced
  report('no-errors', `/sync answered ${status} ${JSON.stringify(body)}`)
  return undefined
}

/** What a client that starts anew sees. */
export async function freshView(user: TestUser, shape: SyncShape, report: Report): Promise<ClientView> {
  const answer = await syncWith(user, { shape, since: undefined, isOnlooker: true, report })
  return answer ? withAnswer(emptyView(), answer) : emptyView()
}

/** The device reads what is new, and what it was sent is checked against what happened. */
export async function followOn(world: World, device: Device, report: Report): Promise<void> {
  const { user, shape, view } = device
  const answer = await syncWith(user, { shape, since: view.since, report })
  if (!answer) return
  const next = withAnswer(view, answer)
  device.formerViews.push(view)
  device.view = next
  if (!isLazy(shape)) return
  sendersAreKnown(device, answer, report)
  await membersAreTold(world, device, { before: view, answer, report })
}

/** With lazy loading, who speaks in the timeline is told. */
function sendersAreKnown({ name, view }: Device, answer: Synced, report: Report): void {
  for (const [roomId, { timeline }] of Object.entries(answer.rooms?.join ?? {}))
    for (const { sender, event_id: eventId } of timeline.events)
      if (view.joined[roomId]?.state[`m.room.member|${sender}`] === undefined)
        report('senders', `${name} was sent ${eventId} in ${roomId} without the member event of ${sender}`)
}

type Followed = { before: ClientView; answer: Synced; report: Report }

/** Every membership that changed since the last answer stands in this one. */
async function membersAreTold(world: World, device: Device, { before, answer, report }: Followed): Promise<void> {
  const { name, user, view } = device
  for (const [roomId, room] of Object.entries(view.joined)) {
    const events = await readEvents(user, roomId, 'members')
    if (!events) continue
    const members = Object.fromEntries(events.map(({ state_key: key = '', event_id: id }) => [key, id]))
    const departures = world.departures(user.userId, roomId)
    const known = before.joined[roomId]?.checked
    room.checked = { members, departures }
    if (known === undefined || known.departures !== departures) continue
    const synced = answer.rooms?.join?.[roomId]
    const told = new Set(synced ? eventsBehind(synced).map(({ event_id: id }) => id) : [])
    for (const [userId, eventId] of Object.entries(members))
      if (known.members[userId] !== eventId && !told.has(eventId))
        report('members-told', `${name} was not told of ${eventId}, the membership of ${userId} in ${roomId}`)
  }
}
