import type { SyncedRoom, SyncEvent, Synced } from '../support/server/sync.ts'

type Count = { notification_count: number; highlight_count: number }

export type SeenEvent = { eventId: string; sender: string; isState: boolean }

/** A room as a client that applied what it was sent has it. */
export type RoomView = {
  /** Event ids by `type|state key`. */
  state: Record<string, string>
  /** Without a gap: what lies before one is dropped. */
  timeline: SeenEvent[]
  counts: Count
  threadCounts: Record<string, Count>
  /** Event ids by type of receipt, user and thread. */
  receipts: Record<string, string>
  accountData: Record<string, unknown>
  typing: string[]
  summary: SyncedRoom['summary']
  /** The member events of the room when it was last synced, as the server says, and how often its owner had left. */
  checked?: { members: Record<string, string>; departures: number }
}

/** Everything that a client knows. */
export type ClientView = {
  since: string | undefined
  joined: Record<string, RoomView>
  /** Stripped state of rooms that the client may join. */
  invited: Record<string, SyncEvent[]>
  knocked: Record<string, SyncEvent[]>
  left: Record<string, RoomView>
  accountData: Record<string, unknown>
  presence: Record<string, unknown>
}

export const emptyView = (): ClientView => ({
  since: undefined,
  joined: {},
  invited: {},
  knocked: {},
  left: {},
  accountData: {},
  presence: {},
})

const emptyRoom = (): RoomView => ({
  state: {},
  timeline: [],
  counts: { notification_count: 0, highlight_count: 0 },
  threadCounts: {},
  receipts: {},
  accountData: {},
  typing: [],
  summary: {},
})

/** The view after an answer; the one before stays as it was. */
export function withAnswer(before: ClientView, answer: Synced): ClientView {
  const view = structuredClone(before)
  view.since = answer.next_batch
  for (const { type, content } of answer.account_data?.events ?? []) view.accountData[type] = content
  for (const { sender, content } of answer.presence?.events ?? []) view.presence[sender] = presenceOf(content)
  const { join = {}, invite = {}, knock = {}, leave = {} } = answer.rooms ?? {}
  for (const [roomId, room] of Object.entries(join)) {
    const known = view.joined[roomId] ?? emptyRoom()
    forgetRoom(view, roomId)
    view.joined[roomId] = known
    applyRoom(known, room)
  }
  for (const [roomId, { invite_state: state }] of Object.entries(invite)) {
    forgetRoom(view, roomId)
    view.invited[roomId] = state.events
  }
  for (const [roomId, { knock_state: state }] of Object.entries(knock)) {
    forgetRoom(view, roomId)
    view.knocked[roomId] = state.events
  }
  for (const [roomId, room] of Object.entries(leave)) {
    const known = view.joined[roomId] ?? emptyRoom()
    const wasOutside = roomId in view.invited || roomId in view.knocked
    forgetRoom(view, roomId)
    if (wasOutside) continue
    view.left[roomId] = known
    applyRoom(known, room)
  }
  return view
}

/** What is told changes while time passes is left out. */
const presenceOf = ({ presence, status_msg }: Record<string, unknown>) => ({ presence, status_msg })

function forgetRoom(view: ClientView, roomId: string): void {
  for (const rooms of [view.joined, view.invited, view.knocked, view.left]) delete rooms[roomId]
}

function applyRoom(room: RoomView, answer: SyncedRoom): void {
  const { timeline, unread_notifications: counts, unread_thread_notifications: threadCounts } = answer
  if (timeline.limited) room.timeline = []
  for (const event of eventsBehind(answer)) if (event.state_key !== undefined) room.state[keyOf(event)] = event.event_id
  for (const { event_id: eventId, sender, state_key: key } of timeline.events)
    room.timeline.push({ eventId, sender, isState: key !== undefined })
  if (counts) {
    room.counts = counts
    room.threadCounts = threadCounts ?? {}
  }
  for (const { type, content } of answer.account_data?.events ?? []) room.accountData[type] = content
  for (const { type, content } of answer.ephemeral?.events ?? [])
    if (type === 'm.typing') room.typing = [...(content['user_ids'] as string[])].sort()
    else if (type === 'm.receipt') applyReceipts(room, content as Receipts)
  Object.assign(room.summary, answer.summary)
}

/** The events that make up the client's state, in the order in which they are applied. */
export function eventsBehind(answer: SyncedRoom): SyncEvent[] {
  const after = answer.state_after ?? answer['org.matrix.msc4222.state_after']
  return after ? after.events : [...(answer.state?.events ?? []), ...answer.timeline.events]
}

const keyOf = ({ type, state_key }: SyncEvent): string => `${type}|${state_key}`

type Receipts = Record<string, Record<string, Record<string, { thread_id?: string }>>>

function applyReceipts(room: RoomView, content: Receipts): void {
  for (const [eventId, types] of Object.entries(content))
    for (const [type, users] of Object.entries(types))
      for (const [userId, { thread_id: thread = '' }] of Object.entries(users))
        room.receipts[`${type} ${userId} ${thread}`] = eventId
}
