import { eventId } from '#protocol/events/event-id.ts'
import {
  authEventIds,
  isObject,
  prevEventIds,
  type EventReference,
  type JsonObject,
  type JsonValue,
  type Pdu,
} from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import type { StateMap } from '#protocol/state-resolution/state-map.ts'
import { type TestRoom, startOfTime } from '../support/generators/test-room.ts'
import { isEntitled } from '../support/rooms/entitled.ts'
import { roomOf, type Unresolved } from '../protocol/state-resolution/kept-history.ts'

/** An event under a name that stays while its content, and with it its id, changes. */
type Named = { name: string; pdu: Pdu; prevs: string[]; auths: string[] }

type Draft = { version: RoomVersion; events: Named[]; rejected: string[]; sets: string[][] }

/** Makes something smaller; undefined where there is nothing to make smaller. */
type Cut = (draft: Draft) => Draft | undefined

/** A meeting of states of a room as a history, with all that has a say in it. */
export function historyOf({ order, replay, version }: TestRoom, sets: readonly StateMap[]): Unresolved {
  const events = order.map((id) => replay.events.get(id)!)
  const ids = sets.map((set) => [...set.values()])
  return written(withoutStrangers(read({ version: version.id, events, rejected: [...replay.rejected], sets: ids })))
}

/** Takes away from a history, bit by bit, all that is not needed to show what it shows; undefined where it does not. */
export async function shrink(
  history: Unresolved,
  shows: (history: Unresolved) => boolean | Promise<boolean>,
): Promise<Unresolved | undefined> {
  let draft = read(history)
  const isShown = async (one: Draft) => isPossible(written(one)) && (await shows(written(one)))
  if (!(await isShown(draft))) return undefined
  for (let isSmaller = true; isSmaller;) {
    isSmaller = false
    for (const cut of cutsFor(draft)) {
      const next = cut(draft)
      if (!next || !(await isShown(next))) continue
      draft = next
      isSmaller = true
    }
  }
  return written(draft)
}

function read({ version: versionId, events, rejected, sets }: Unresolved): Draft {
  const version = roomVersion(versionId)!
  const named = events.map((pdu): Named => {
    const name = eventId(pdu, version)
    return { name, pdu, prevs: prevEventIds(pdu, version), auths: authEventIds(pdu, version) }
  })
  return { version, events: named, rejected, sets }
}

/** Only what the states hold, and what that rests on, has a say. */
function withoutStrangers(draft: Draft): Draft {
  const byName = new Map(draft.events.map((event) => [event.name, event]))
  const needed = new Set([draft.events[0]!.name, ...draft.sets.flat()])
  for (const name of needed) for (const auth of byName.get(name)!.auths) needed.add(auth)
  return keeping(draft, (name) => needed.has(name))
}

function keeping(draft: Draft, isKept: (name: string) => boolean): Draft {
  return {
    ...draft,
    events: draft.events
      .filter(({ name }) => isKept(name))
      .map((event) => ({ ...event, prevs: event.prevs.filter(isKept), auths: event.auths.filter(isKept) })),
    rejected: draft.rejected.filter(isKept),
    sets: draft.sets.map((set) => set.filter(isKept)),
  }
}

/** The draft as events with the ids that follow from their content. */
function written({ version, events, rejected, sets }: Draft): Unresolved {
  const ids = new Map<string, EventId>()
  const roomId = version.roomIdIsCreateHash ? undefined : events[0]!.pdu.room_id
  const pdus = events.map(({ name, pdu, prevs, auths }): Pdu => {
    const cited = (names: string[]) =>
      citations(
        names.map((each) => ids.get(each)!),
        version,
      )
    const made: Pdu = { ...pdu, prev_events: cited(prevs), auth_events: cited(auths) }
    const named = roomId ?? (ids.size > 0 ? `!${ids.get(events[0]!.name)!.slice(1)}` : undefined)
    if (named !== undefined) made.room_id = named as `!${string}`
    ids.set(name, eventId(made, version))
    return made
  })
  const idsOf = (names: string[]) => names.map((name) => ids.get(name)!)
  return { version: version.id, events: pdus, rejected: idsOf(rejected), sets: sets.map(idsOf) }
}

function citations(ids: EventId[], version: RoomVersion): EventId[] | EventReference[] {
  return version.eventFormat === 'v1' ? ids.map((id): EventReference => [id, { sha256: 'x' }]) : ids
}

/** Whether all but the rejected events are entitled by what they cite. */
function isPossible(history: Unresolved): boolean {
  const room = roomOf(history)
  return [...room.events].every(
    ([id, pdu]) =>
      room.rejected.has(id) ||
      (isEntitled(room, pdu) && !authEventIds(pdu, room.version).some((auth) => room.rejected.has(auth))),
  )
}

/** From what takes away most to what takes away least. */
function cutsFor(draft: Draft): Cut[] {
  const names = draft.events.map(({ name }) => name).toReversed()
  return [
    ...draft.sets.map(
      (_, index): Cut =>
        (one) =>
          one.sets.length > 2 ? withoutSet(one, index) : undefined,
    ),
    ...names.map(
      (name): Cut =>
        (one) =>
          has(one, name) ? keeping(one, (each) => each !== name) : undefined,
    ),
    ...names.map(
      (name): Cut =>
        (one) =>
          withoutPlace(one, () => true, name),
    ),
    ...draft.sets.flatMap((_, index) =>
      names.map(
        (name): Cut =>
          (one) =>
            withoutPlace(one, (at) => at === index, name),
      ),
    ),
    ...names.flatMap((name) =>
      draft.events.map(
        ({ name: cited }): Cut =>
          (one) =>
            withoutCitation(one, name, cited),
      ),
    ),
    ...names.flatMap((name) => contentCuts(draft, name)),
    (one) => withNumbers(one, 'origin_server_ts', startOfTime),
    (one) => withNumbers(one, 'depth', 1),
    (one) => (withoutStrangers(one).events.length < one.events.length ? withoutStrangers(one) : undefined),
  ]
}

/** The room's first event stays, in the room and in its states. */
const has = ({ events }: Draft, name: string): boolean => events.slice(1).some((event) => event.name === name)

const withoutSet = (draft: Draft, index: number): Draft => ({
  ...draft,
  sets: draft.sets.filter((_, at) => at !== index),
})

function withoutPlace(draft: Draft, isMeant: (index: number) => boolean, name: string): Draft | undefined {
  const isHeld = draft.sets.some((set, index) => isMeant(index) && set.includes(name)) && has(draft, name)
  const sets = draft.sets.map((set, index) => (isMeant(index) ? set.filter((each) => each !== name) : set))
  return isHeld ? { ...draft, sets } : undefined
}

function withoutCitation(draft: Draft, name: string, cited: string): Draft | undefined {
  const isCited = draft.events.some((event) => event.name === name && event.auths.includes(cited))
  if (!isCited) return undefined
  const without = (event: Named) => ({ ...event, auths: event.auths.filter((each) => each !== cited) })
  return { ...draft, events: draft.events.map((event) => (event.name === name ? without(event) : event)) }
}

function contentCuts({ events }: Draft, name: string): Cut[] {
  const { content } = events.find((event) => event.name === name)!.pdu
  const paths = Object.entries(content).flatMap(([key, value]) => [
    [key],
    ...(isObject(value) ? Object.keys(value).map((inner) => [key, inner]) : []),
  ])
  return paths.map((path): Cut => (draft) => {
    const event = draft.events.find((each) => each.name === name)
    const content = event && withoutKey(event.pdu.content, path)
    if (!content) return undefined
    const changed = { ...event, pdu: { ...event.pdu, content } }
    return { ...draft, events: draft.events.map((each) => (each.name === name ? changed : each)) }
  })
}

function withoutKey(content: JsonObject, [key, ...inner]: string[]): JsonObject | undefined {
  const value: JsonValue | undefined = content[key!]
  if (value === undefined) return undefined
  const { [key!]: _dropped, ...others } = content
  if (inner.length === 0) return others
  const smaller = isObject(value) ? withoutKey(value, inner) : undefined
  return smaller && { ...content, [key!]: smaller }
}

/** The numbers in the same order, with nothing between them. */
function withNumbers(draft: Draft, field: 'origin_server_ts' | 'depth', first: number): Draft | undefined {
  const used = [...new Set(draft.events.map(({ pdu }) => pdu[field]))].sort((one, other) => one - other)
  if (used.every((number, index) => number === first + index)) return undefined
  const renumbered = (pdu: Pdu) => ({ ...pdu, [field]: first + used.indexOf(pdu[field]) })
  return { ...draft, events: draft.events.map((event) => ({ ...event, pdu: renumbered(event.pdu) })) }
}
