import { membershipOf } from '#protocol/events/event.ts'
import { splitStateKey, stateKey } from '#protocol/state-resolution/state-map.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import { nobody, type StateJournal } from './state-journal.ts'
import { difference, type Subject } from './subject.ts'
import type { UserId } from '#protocol/ids.ts'

const table = 'memberships'
const pageSize = 1000
const member = 'm.room.member'

type Row = Record<string, unknown>

/** Compares the table of memberships with the member events that hold now; what users have forgotten is theirs to say. */
export async function checkMemberships(subject: Subject, journal: StateJournal): Promise<RowChange[]> {
  const { store, room } = subject
  const changes: RowChange[] = []
  const met = new Set<UserId>()
  for (let after = ''; ;) {
    const page = await store.rooms.check.memberships(room.nid, { after, limit: pageSize })
    for (const stored of page) {
      const userId = stored.user_id as UserId
      met.add(userId)
      const expected = await membershipRow(subject, journal, userId)
      changes.push(...difference(table, { user_id: userId, room_nid: room.nid }, { stored, expected }))
    }
    const last = page.at(-1)
    if (!last || page.length < pageSize) break
    after = last.user_id as string
  }
  for (const key of journal.keys()) {
    const [type, userId] = splitStateKey(key) as [string, UserId]
    if (type !== member || met.has(userId) || journal.current(key)?.entry === nobody) continue
    const expected = await membershipRow(subject, journal, userId)
    const row = expected && { ...expected, is_forgotten: false }
    changes.push(...difference(table, { user_id: userId, room_nid: room.nid }, { stored: undefined, expected: row }))
  }
  return changes
}

/** Where nobody holds the key any more the user counts as gone. */
async function membershipRow({ events }: Subject, journal: StateJournal, userId: UserId): Promise<Row | undefined> {
  const interval = journal.current(stateKey(member, userId))
  if (!interval) return undefined
  const entry = interval.entry === nobody ? undefined : await events.at(interval.entry)
  if (!entry) return { membership: 'leave' }
  return { membership: membershipOf(entry.pdu) ?? 'leave', sender: entry.pdu.sender, position: interval.from }
}
