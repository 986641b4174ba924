import { membershipOf } from '#protocol/events/event.ts'
import { splitStateKey, stateKey } from '#protocol/state-resolution/state-map.ts'
import type { RowChange } from '#store/rooms/room-check.ts'
import { noEvent, type JournalSpan, type StateJournal } from './state-journal.ts'
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
  // Of these the room's events do not speak: they came from servers of the room, which this one is not in.
  const outside = new Set(await store.rooms.outside.listUsers(room.nid))
  for (let after = ''; ;) {
    const page = await store.rooms.check.memberships(room.nid, { after, limit: pageSize })
    for (const stored of page) {
      const userId = stored.user_id as UserId
      met.add(userId)
      if (outside.has(userId)) continue
      const { joined_position, ...others } = (await membershipRow(subject, journal, userId)) ?? {}
      // Rows from before the column was added do not have it, and it cannot be computed from purged history.
      const isKnown = room.purgedUpTo === 0 && (stored.joined_position !== null || others.membership !== 'join')
      const expected = others.membership === undefined ? undefined : isKnown ? { ...others, joined_position } : others
      changes.push(...difference(table, { user_id: userId, room_nid: room.nid }, { stored, expected }))
    }
    const last = page.at(-1)
    if (!last || page.length < pageSize) break
    after = last.user_id as string
  }
  for (const key of journal.keys()) {
    const [type, userId] = splitStateKey(key) as [string, UserId]
    if (type !== member || met.has(userId) || journal.current(key)?.entry === noEvent) continue
    const expected = await membershipRow(subject, journal, userId)
    const row = expected && { ...expected, is_forgotten: false }
    changes.push(...difference(table, { user_id: userId, room_nid: room.nid }, { stored: undefined, expected: row }))
  }
  return changes
}

/** Where no event holds the key any more the user counts as gone. */
async function membershipRow({ events }: Subject, journal: StateJournal, userId: UserId): Promise<Row | undefined> {
  const intervals = journal.intervals(stateKey(member, userId))
  const interval = intervals.at(-1)
  if (!interval) return undefined
  const entry = await eventOf(events, interval)
  if (!entry) return { membership: 'leave', joined_position: null }
  const membership = membershipOf(entry.pdu) ?? 'leave'
  const joinedAt = membership === 'join' ? await startOfStay(events, intervals) : null
  return { membership, sender: entry.pdu.sender, position: interval.from, joined_position: joinedAt }
}

/** Where the last of the user's memberships in a row that are joins begins. */
async function startOfStay(events: Subject['events'], intervals: readonly JournalSpan[]): Promise<number | null> {
  let start: number | null = null
  for (const interval of intervals.toReversed()) {
    const entry = await eventOf(events, interval)
    if (membershipOf(entry?.pdu) !== 'join') break
    start = interval.from
  }
  return start
}

const eventOf = async (events: Subject['events'], { entry }: JournalSpan) =>
  entry === noEvent ? undefined : events.at(entry)
