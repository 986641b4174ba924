import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { flattenEvent } from '#protocol/push/push-conditions.ts'
import { evaluate, evaluationSteps, type CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { relationOf } from '#protocol/events/relation.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { nidOf } from '#services/rooms/read/history-intervals.ts'
import { firstOf, hiddenBy, readableBy, type Reader } from '#services/rooms/read/readable.ts'
import { mainTimeline } from '#services/rooms/read/thread-of.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { RoomForRules } from './room-for-rules.ts'
import type { UnreadNotification, SeenEvent } from './unread-notifications.ts'
import type { EventId } from '#protocol/ids.ts'

/** Some milliseconds of evaluation, after which other work gets its turn of the event loop. */
const stepsOfATurn = 1_000_000

/** Consecutive events to evaluate; they may end earlier notifications. */
export type Stretch = {
  ruleset: CompiledRuleset
  roomForRules: () => Promise<RoomForRules>
  /** Oldest first, also events that the user may not see. */
  events: readonly StoredEvent[]
  /** How many events were evaluated before these. */
  lookedAt: number
  notifications: readonly UnreadNotification[]
}

type Needs = Pick<Context, 'store' | 'unread'>

/** The notifications after these events: an event of the user's own marks everything before it as read. */
export async function notificationsAmong(
  ctx: Needs,
  reader: Reader,
  { ruleset, roomForRules, events, lookedAt, notifications: previous }: Stretch,
): Promise<UnreadNotification[]> {
  let notifications = [...previous]
  if (events.length === 0) return notifications
  const { room, userId } = reader
  const readable = await readableBy(ctx, reader, firstOf(events) - 1)
  const threads = await threadsOfRedacted(ctx, reader, events)
  let steps = 0
  for (const [index, event] of events.entries()) {
    steps += evaluationSteps(ruleset, event.clientJson.length)
    if (steps > stepsOfATurn) {
      steps = 0
      await nextTurn()
    }
    const isOwn = event.sender === userId
    if (event.type === 'm.room.redaction') notifications = await withoutRedacted(ctx, room, { notifications, event })
    if (isOwn && event.stateKey === null) {
      const written = threads.get(event.position) ?? ctx.unread.seen(event, (stored) => see(stored, room)).threadId
      notifications = notifications.filter(({ threadId }) => threadId !== written)
    }
    if (isOwn || event.redactedBy !== null || hiddenBy(readable, event)) continue
    const { flat, threadId } = ctx.unread.seen(event, (stored) => see(stored, room))
    const { notify, highlight } = evaluate(ruleset, flat, (await roomForRules()).seenBy(event.sender))
    if (!notify) continue
    const { position, eventId } = event
    notifications.push({ position, eventId, threadId, isHighlight: highlight, ordinal: lookedAt + index })
  }
  return notifications
}

/** A redaction that was not applied to its target changes nothing. */
async function withoutRedacted(
  { store }: Needs,
  room: LiveRoom,
  { notifications, event }: { notifications: UnreadNotification[]; event: StoredEvent },
): Promise<UnreadNotification[]> {
  const targetId = redactedBy(JSON.parse(event.clientJson) as JsonObject) as EventId | undefined
  if (targetId === undefined || !notifications.some(({ eventId }) => eventId === targetId)) return notifications
  const target = room.recent.find(({ eventId }) => eventId === targetId) ?? (await store.rooms.events.find(targetId))
  return target?.redactedBy ? notifications.filter(({ eventId }) => eventId !== targetId) : notifications
}

/** Redacted events have lost their relation to a thread. */
async function threadsOfRedacted(
  { store }: Needs,
  { room, userId }: Reader,
  events: readonly StoredEvent[],
): Promise<ReadonlyMap<number, string>> {
  const own = events.filter(({ sender, stateKey, redactedBy: by }) => sender === userId && stateKey === null && by)
  if (own.length === 0) return new Map()
  return store.rooms.relations.threadIds(
    nidOf(room),
    own.map(({ position }) => position),
  )
}

/** Only a direct thread relation counts here: other events that relate to a thread rarely notify. */
function see({ clientJson, eventId, stateKey }: StoredEvent, { roomId }: LiveRoom): SeenEvent {
  const event = JSON.parse(clientJson) as JsonObject & { content: JsonObject }
  const relation = stateKey === null ? relationOf(event.content) : undefined
  return {
    flat: flattenEvent({ ...event, event_id: eventId, room_id: roomId }),
    threadId: relation?.relType === 'm.thread' ? relation.parentId : mainTimeline,
  }
}

function redactedBy({ redacts, content }: JsonObject): string | undefined {
  const target = (isObject(content) ? content.redacts : undefined) ?? redacts
  return typeof target === 'string' ? target : undefined
}
