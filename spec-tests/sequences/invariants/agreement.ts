import { client } from '../acts/act.ts'
import type { ClientView, RoomView, SeenEvent } from '../client-view.ts'
import { difference, type InvariantName, type Report } from '../report.ts'
import { isLazy } from '../setting.ts'
import type { Device } from '../world.ts'

/** Of whom a client shares no room with any more it hears nothing. */
export async function forgetStrangers({ person, view }: Device, fresh: ClientView): Promise<void> {
  for (const userId of Object.keys(view.presence).filter((known) => !(known in fresh.presence))) {
    const { status } = await person.fresh.request('GET', `${client}/presence/${encodeURIComponent(userId)}/status`)
    if (status === 403) delete view.presence[userId]
  }
}

/** A client that has followed and one that starts anew end in the same view. */
export function viewsAgree(device: Device, fresh: ClientView, report: Report): void {
  const { view, name } = device
  const compare = (invariant: InvariantName, [followed, anew]: [unknown, unknown], where = '') => {
    const found = difference(followed, anew)
    if (found !== undefined) report(invariant, `${name}${where}: followed <> fresh at ${found}`)
  }
  compare('rooms', [rooms(device, view), rooms(device, fresh)])
  compare('account-data', [view.accountData, fresh.accountData])
  compare('presence', [present(view), present(fresh)])
  for (const [roomId, room] of Object.entries(view.joined)) {
    const anew = fresh.joined[roomId]
    if (!anew) continue
    const where = ` in ${roomId}`
    for (const { invariant, of } of parts(device)) compare(invariant, [of(room), of(anew)], where)
    compare('summary', [summaryBeside(anew, room), anew.summary], where)
    const found = timelineDifference(heard(device, room), heard(device, anew))
    if (found !== undefined) report('timeline', `${name}${where}: ${found}`)
  }
}

type Part = { invariant: InvariantName; of(room: RoomView): unknown }

const parts = ({ shape }: Device): Part[] => [
  { invariant: 'counts', of: ({ counts }) => counts },
  { invariant: 'thread-counts', of: ({ threadCounts }) => threadCounts },
  { invariant: 'room-account-data', of: ({ accountData }) => accountData },
  { invariant: 'receipts', of: ({ receipts }) => receipts },
  { invariant: 'typing', of: ({ typing }) => typing },
  ...(isLazy(shape) ? [] : [{ invariant: 'state' as const, of: ({ state }: RoomView) => state }]),
]

/** Heroes mean nothing any more in a room that got a name. */
function summaryBeside(anew: RoomView, { summary }: RoomView): RoomView['summary'] {
  const { 'm.heroes': heroes, ...counts } = summary
  return anew.summary['m.heroes'] ? { ...counts, ...(heroes && { 'm.heroes': heroes }) } : counts
}

/** Invites of ignored users may be hidden or not. */
function rooms({ person }: Device, view: ClientView) {
  const { userId, ignored } = person
  const inviter = (roomId: string) =>
    view.invited[roomId]?.find(({ type, state_key: key }) => type === 'm.room.member' && key === userId)?.sender ?? ''
  return {
    joined: Object.keys(view.joined).sort(),
    invited: Object.keys(view.invited)
      .filter((roomId) => !ignored.includes(inviter(roomId)))
      .sort(),
    knocked: Object.keys(view.knocked).sort(),
  }
}

/** Who is offline need not be told to who starts anew. */
const present = ({ presence }: ClientView) =>
  Object.fromEntries(Object.entries(presence).filter(([, content]) => !isOffline(content)))

const isOffline = (content: unknown): boolean => (content as { presence: string }).presence === 'offline'

const heard = ({ person }: Device, { timeline }: RoomView) =>
  timeline.filter(({ isState, sender }) => isState || !person.ignored.includes(sender))

/** The shorter must be the end of the longer. */
function timelineDifference(followed: readonly SeenEvent[], anew: readonly SeenEvent[]): string | undefined {
  const length = Math.min(followed.length, anew.length)
  const ends = [followed, anew].map((events) =>
    length === 0 ? [] : events.slice(-length).map(({ eventId }) => eventId),
  )
  const found = difference(ends[0], ends[1])
  return found === undefined ? undefined : `followed <> fresh at ${found} of the last ${length}`
}
