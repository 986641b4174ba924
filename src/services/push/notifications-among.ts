import type { Context } from '#context.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { readPowerLevels, type PowerLevels } from '#protocol/rooms/power-levels.ts'
import { flattenEvent } from '#protocol/push/push-conditions.ts'
import { evaluate, type CompiledRuleset } from '#protocol/push/push-evaluation.ts'
import { relationOf } from '#protocol/events/relation.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { mainTimeline } from '#services/rooms/read/thread-of.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { UnreadNotification, SeenEvent } from './unread-notifications.ts'
import type { UserId } from '#protocol/ids.ts'

const maxNotifications = 1000

/** Events one after another, for a user's rules; notices of before may end by them. */
export type Stretch = {
  userId: UserId
  ruleset: CompiledRuleset
  /** Oldest first. */
  events: readonly StoredEvent[]
  replaced: readonly UnreadNotification[]
}

/** What the user is to be notified of after these events: what she wrote herself she has read up to. */
export async function notificationsAmong(
  ctx: Pick<Context, 'store' | 'unread'>,
  line: LiveRoom,
  { userId, ruleset, events, replaced }: Stretch,
): Promise<UnreadNotification[]> {
  let notifications = [...replaced]
  if (events.length === 0) return notifications
  const room = await roomAsSeenBy(ctx, line, userId)
  for (const event of events) {
    const seen = ctx.unread.seen(event, (stored) => see(stored, line))
    if (seen.redacts !== undefined) notifications = notifications.filter(({ eventId }) => eventId !== seen.redacts)
    if (event.sender === userId) {
      if (event.stateKey === null) notifications = notifications.filter(({ threadId }) => threadId !== seen.threadId)
      continue
    }
    if (event.redactedBy !== null) continue
    const { notify, highlight } = evaluate(ruleset, seen.flat, room(event.sender))
    if (!notify) continue
    const { position, eventId } = event
    notifications.push({ position, eventId, threadId: seen.threadId, isHighlight: highlight })
  }
  return notifications.length > maxNotifications ? notifications.slice(-maxNotifications) : notifications
}

/** The room around an event of a sender, as far as push rules ask. */
async function roomAsSeenBy(ctx: Pick<Context, 'store'>, room: LiveRoom, userId: UserId) {
  await loadStateEntries(ctx, room, [
    ['m.room.member', userId],
    ['m.room.power_levels', ''],
    ['m.room.create', ''],
  ])
  const pduOf = (type: string, stateKey = '') => room.entry(type, stateKey)?.pdu
  const displayName = pduOf('m.room.member', userId)?.content.displayname
  const memberCount = room.count('join')
  let levels: PowerLevels | undefined
  const levelsNow = () =>
    (levels ??= readPowerLevels(
      { powerLevels: pduOf('m.room.power_levels'), create: pduOf('m.room.create') },
      room.version,
    ))
  return (sender: UserId) => ({
    memberCount,
    // Few rules ask for levels, and few events get as far as such a rule.
    get senderPowerLevel() {
      return levelsNow().ofUser(sender)
    },
    get roomNotificationLevels() {
      return levelsNow().notifications
    },
    ...(typeof displayName === 'string' ? { displayName } : {}),
  })
}

/** Threads are told by the event itself: what merely relates to one rarely notifies. */
function see({ clientJson, eventId, type, stateKey }: StoredEvent, { roomId }: LiveRoom): SeenEvent {
  const event = JSON.parse(clientJson) as JsonObject & { content: JsonObject }
  const relation = stateKey === null ? relationOf(event.content) : undefined
  return {
    flat: flattenEvent({ ...event, event_id: eventId, room_id: roomId }),
    threadId: relation?.relType === 'm.thread' ? relation.parentId : mainTimeline,
    redacts: type === 'm.room.redaction' ? redactedBy(event) : undefined,
  }
}

function redactedBy({ redacts, content }: JsonObject): string | undefined {
  const target = (isObject(content) ? content.redacts : undefined) ?? redacts
  return typeof target === 'string' ? target : undefined
}
