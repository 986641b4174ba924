import { mapInTurns } from '#base/threads/map-in-turns.ts'
import type { Context } from '#context.ts'
import { redactedEventId, type JsonObject, type Pdu } from '#protocol/events/event.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Bundle } from './bundle-relations.ts'
import { erasedFor, withoutContent } from './erased-content.ts'
import { membershipIntervals, valueAt } from './history-intervals.ts'
import type { Interval } from '#services/rooms/live/state-entry.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import type { Reader } from './readable.ts'
import { findUnsignedData, type UnsignedData } from './unsigned-data.ts'
import type { UserId } from '#protocol/ids.ts'

/** Who gets the events; `deviceId` is the device that learns its own transaction ids. */
export type Viewer = Reader & { deviceId?: string | undefined; withRoomId: boolean }

type Needs = Pick<Context, 'store' | 'clock' | 'erasedUsers'>

/**
 * The JSON of events as clients get them, in the same order. Whether the viewer may see them was decided before.
 * https://spec.matrix.org/v1.19/client-server-api/#room-event-format
 */
export async function renderEvents(ctx: Needs, viewer: Viewer, events: readonly StoredEvent[]): Promise<string[]> {
  return render(ctx, viewer, { events, depth: 'whole' })
}

/** As `renderEvents`, for lists of state: without what the events replaced and without bundles. */
export async function renderState(ctx: Needs, viewer: Viewer, events: readonly StoredEvent[]): Promise<string[]> {
  return render(ctx, viewer, { events, depth: 'state' })
}

/** Events inside others are poorer, so that nothing goes in circles. */
type Depth = 'whole' | 'in thread' | 'inside' | 'state'

async function render(
  ctx: Needs,
  viewer: Viewer,
  { events, depth }: { events: readonly StoredEvent[]; depth: Depth },
): Promise<string[]> {
  if (events.length === 0) return []
  const first = events.reduce((least, { position }) => Math.min(least, position), Infinity)
  const [memberships, isErased, transactions, companions] = await Promise.all([
    membershipIntervals(ctx, viewer.room, { userId: viewer.userId, since: first }),
    erasedFor(ctx, viewer, events),
    depth === 'state' ? noTransactions : transactionIds(ctx, viewer, events),
    depth === 'state' || depth === 'inside' ? undefined : findUnsignedData(ctx, viewer, events),
  ])
  const extras = companions && (await companionTexts(ctx, viewer, { companions, depth }))
  const now = ctx.clock.now()
  const room = viewer.withRoomId ? `,"room_id":${JSON.stringify(viewer.room.roomId)}` : ''
  const membershipAt = membershipTexts(memberships)
  // Of as few parts as possible: each is a piece of garbage for every event of every answer.
  return mapInTurns(events, (event) => {
    const transaction = transactions.get(event.position)
    const own = transaction === undefined ? '' : `,"transaction_id":${JSON.stringify(transaction)}`
    const shown = isErased(event) ? withoutContent(event, viewer.room.version) : event
    const members = `${clientMembers(shown, viewer.room)},"event_id":${JSON.stringify(event.eventId)}${room}`
    const extra = `${own}${extras?.(event) ?? ''}`
    const end = extra === '' ? '}}' : `${extra}}}`
    return `${members},"unsigned":{"age":${now - event.originServerTs}${membershipAt(event.position)}${end}`
  })
}

/** The reader's membership at a position, as members of `unsigned`; the unstable name is what Element reads. */
function membershipTexts(memberships: readonly Interval<string>[]): (position: number) => string {
  const texts = new Map<string, string>()
  return (position) => {
    const membership = valueAt(memberships, position) ?? 'leave'
    const known = texts.get(membership)
    if (known !== undefined) return known
    const value = JSON.stringify(membership)
    const text = `,"membership":${value},"io.element.msc4115.membership":${value}`
    texts.set(membership, text)
    return text
  }
}

/** The stored members of an event, without the brace at the end. */
function clientMembers(event: StoredEvent, room: LiveRoom): string {
  if (event.type !== 'm.room.redaction') return event.clientJson.slice(0, -1)
  // NOTSPEC: `redacts` is at the top level and in the content in all room versions, since older clients read the former.
  const pdu = JSON.parse(event.clientJson) as Pdu
  const redacts = redactedEventId(pdu, room.version)
  const both = redacts === undefined ? pdu : { ...pdu, redacts, content: { ...pdu.content, redacts } }
  return JSON.stringify(both).slice(0, -1)
}

const noTransactions: ReadonlyMap<number, string> = new Map()

/** Only the device that sent an event learns its transaction id. */
async function transactionIds(
  ctx: Needs,
  { userId, deviceId }: Viewer,
  events: readonly StoredEvent[],
): Promise<Map<number, string>> {
  const own = events.filter(({ sender }) => sender === userId).map(({ position }) => position)
  if (deviceId === undefined || own.length === 0) return new Map()
  return ctx.store.rooms.events.transactionIds({ userId, deviceId }, own)
}

/** Renders the companions once each; answers what they add to the `unsigned` of an event. */
async function companionTexts(
  ctx: Needs,
  viewer: Viewer,
  { companions, depth }: { companions: UnsignedData; depth: Depth },
): Promise<((event: StoredEvent) => string) | undefined> {
  const { redactions, replacedState, bundles } = companions
  if (redactions.size + replacedState.size + bundles.size === 0) return undefined
  const whole = { ...viewer, withRoomId: true }
  const inner = [...redactions.values(), ...[...bundles.values()].flatMap(({ edits }) => edits)]
  const latest = depth === 'whole' ? [...bundles.values()].flatMap(({ thread }) => (thread ? [thread.latest] : [])) : []
  const [innerTexts, latestTexts] = await Promise.all([
    render(ctx, whole, { events: inner, depth: 'inside' }),
    render(ctx, whole, { events: latest, depth: 'in thread' }),
  ])
  const textOf = new Map(inner.map((event, index) => [event.position, innerTexts[index] ?? '']))
  const threadTextOf = new Map(latest.map((event, index) => [event.position, latestTexts[index] ?? '']))

  return ({ eventId }) => {
    const redaction = redactions.get(eventId)
    const replaced = replacedState.get(eventId)
    const bundle = bundles.get(eventId)
    let text = ''
    if (redaction) text += `,"redacted_because":${textOf.get(redaction.position)}`
    if (replaced) text += `,"replaces_state":${JSON.stringify(replaced.eventId)}`
    if (replaced?.isVisible) text += previous(replaced.pdu)
    const relations = bundle ? bundleText(bundle, { textOf, threadTextOf }) : ''
    return relations === '' ? text : `${text},"m.relations":{${relations}}`
  }
}

const previous = ({ content, sender }: { content: JsonObject; sender: UserId }): string =>
  `,"prev_content":${JSON.stringify(content)},"prev_sender":${JSON.stringify(sender)}`

type Texts = ReadonlyMap<number, string>

function bundleText({ thread, edits, references }: Bundle, texts: { textOf: Texts; threadTextOf: Texts }): string {
  const parts: string[] = []
  const latest = thread && texts.threadTextOf.get(thread.latest.position)
  if (thread && latest !== undefined)
    parts.push(
      `"m.thread":{"latest_event":${latest},"count":${thread.count},"current_user_participated":${thread.isParticipant}}`,
    )
  const edit = edits[0] && texts.textOf.get(edits[0].position)
  if (edit !== undefined) parts.push(`"m.replace":${edit}`)
  if (references.length > 0) {
    const chunk = references.map(({ eventId }) => ({ event_id: eventId }))
    parts.push(`"m.reference":{"chunk":${JSON.stringify(chunk)}}`)
  }
  return parts.join(',')
}
