import type { EventId, RoomId, UserId } from '#protocol/ids.ts'
import type { Readable } from '#store/rooms/readable.ts'
import type { StoredEvent } from '#store/rooms/events.ts'
import type { Store } from '#store/open.ts'
import { gather } from '#base/gather.ts'

/** So much of what is asked in one turn goes into one query. */
const maxAsked = 500
/** A page of a timeline has up to some hundreds of events. */
const maxPages = 20

/**
 * The same store for an answer that speaks of many rooms: what is asked of it for one room after another in the same
 * turn of the event loop is read in one query for all of them. So each room can be written as if it were alone, and the
 * number of queries does not grow with the rooms.
 */
export function gatherReads(store: Store): Store {
  const { rooms } = store
  return {
    ...store,
    rooms: { ...rooms, state: gatherState(rooms), events: gatherEvents(rooms), ...gatherOthers(rooms) },
  }
}

type Rooms = Store['rooms']

function gatherState({ state, stateReads }: Rooms): Rooms['state'] {
  const histories = gather(maxAsked, stateReads.histories)
  const holdersAt = gather(maxAsked, stateReads.eventsAt)
  const changesOf = gather(maxAsked, stateReads.changesOf)
  const holdersBefore = gather(maxAsked, stateReads.entriesBefore)
  const replaced = gather(maxAsked, async (asks: readonly { roomNid: number; position: number }[]) => {
    const found = await stateReads.replacedAt(asks)
    return asks.map(({ position }) => found.get(position))
  })
  return {
    ...state,
    history: (roomNid, [type, stateKey]) => histories({ roomNid, type, stateKey }),
    eventAt: (roomNid, [type, stateKey], position) => holdersAt({ roomNid, type, stateKey, position }),
    entriesBefore: (roomNid, position) => holdersBefore({ roomNid, position }),
    changes: async (roomNids, after, upTo) =>
      (await Promise.all(roomNids.map((roomNid) => changesOf({ roomNid, after, upTo })))).flat(),
    async replacedState(roomNid, positions) {
      const found = await Promise.all(positions.map((position) => replaced({ roomNid, position })))
      return new Map(positions.flatMap((position, index) => (found[index] ? [[position, found[index]]] : [])))
    },
  }
}

function gatherEvents({ events }: Rooms): Rooms['events'] {
  const byPosition = gather(maxAsked, async (positions: readonly number[]) =>
    inOrder(positions, await events.atPositions(positions)),
  )
  const shownBy = gather(maxAsked, async (positions: readonly number[]) =>
    inOrder(positions, await events.shownAt(positions)),
  )
  const byId = gather(maxAsked, async (ids: readonly EventId[]) => {
    const found = new Map((await events.findMany(ids)).map((event) => [event.eventId, event]))
    return ids.map((id) => found.get(id))
  })
  type PageAsk = { roomNid: number; before: number; after: number; limit: number }
  const pages = gather(maxPages, async (asks: readonly PageAsk[]) => {
    const limit = asks.reduce((most, ask) => Math.max(most, ask.limit), 0)
    return (await events.pages(asks, limit)).map((page, index) => page.slice(0, asks[index]?.limit))
  })
  type Sender = { userId: UserId; deviceId: string }
  type SentAsk = Sender & { positions: readonly number[] }
  const sent = gather(maxAsked, async (asks: readonly SentAsk[]) => {
    const found = new Map<string, Map<number, string>>()
    const deviceOf = ({ userId, deviceId }: Sender) => JSON.stringify([userId, deviceId])
    for (const [device, same] of Map.groupBy(asks, deviceOf)) {
      const positions = same.flatMap((ask) => ask.positions)
      found.set(device, await events.transactionIds(same[0] as Sender, positions))
    }
    return asks.map((ask) => found.get(deviceOf(ask)) ?? new Map<number, string>())
  })
  return {
    ...events,
    atPositions: async (positions) => present(await Promise.all(positions.map(byPosition))),
    shownAt: async (positions) => present(await Promise.all(positions.map(shownBy))),
    findMany: async (ids) => present(await Promise.all(ids.map(byId))),
    page: (page) =>
      page.direction === 'backwards' && !page.types
        ? pages({ roomNid: page.roomNid, before: page.from, after: page.until ?? -1, limit: page.limit })
        : events.page(page),
    transactionIds: ({ userId, deviceId }, positions) => sent({ userId, deviceId, positions }),
  }
}

function gatherOthers({
  receipts,
  relations,
  earlyRedactions,
  gaps,
  branches,
}: Rooms): Pick<Rooms, 'receipts' | 'relations' | 'earlyRedactions' | 'gaps' | 'branches'> {
  type UserAsk = { roomId: RoomId; userId: UserId }
  const ofUser = gather(maxAsked, async (asks: readonly UserAsk[]) => {
    const found = new Map<UserAsk, Awaited<ReturnType<typeof receipts.listOfUser>>>()
    for (const [userId, same] of Map.groupBy(asks, (ask) => ask.userId)) {
      const roomIds = same.map(({ roomId }) => roomId)
      const lists = await receipts.listOfUserIn(roomIds, userId)
      same.forEach((ask, index) => found.set(ask, lists[index] ?? []))
    }
    return asks.map((ask) => found.get(ask) ?? [])
  })
  type BundleAsk = { parentIds: readonly string[]; roomNid: number; reader: UserId; readable: Readable }
  const bundles = gather(maxAsked, async (asks: readonly BundleAsk[]) => {
    const found = new Map<BundleAsk, Awaited<ReturnType<typeof relations.forBundles>>>()
    // One answer has one reader, who ignores the same users in all rooms.
    for (const [ignored, same] of Map.groupBy(asks, (ask) => ask.readable.ignored))
      for (const [reader, own] of Map.groupBy(same, (ask) => ask.reader)) {
        const rooms = own.map(({ parentIds, roomNid, readable: { ranges } }) => ({ parentIds, roomNid, ranges }))
        const lists = await relations.forBundlesIn(rooms, { reader, ignored })
        own.forEach((ask, index) => found.set(ask, lists[index] ?? []))
      }
    return asks.map((ask) => found.get(ask) ?? [])
  })
  const isAwaited = gather(maxAsked, async (ids: readonly EventId[]) => {
    const targets = await earlyRedactions.targetsAmong(ids)
    return ids.map((id) => targets.has(id))
  })
  const chainOf = gather(maxAsked, async (positions: readonly number[]) => {
    const found = await branches.chains(positions)
    return positions.map((position) => found.get(position))
  })
  return {
    branches: {
      ...branches,
      async chains(positions) {
        const found = await Promise.all(positions.map(chainOf))
        return new Map(positions.flatMap((position, index) => (found[index] ? [[position, found[index]]] : [])))
      },
    },
    gaps: { ...gaps, list: gather(maxAsked, gaps.listOf) },
    earlyRedactions: {
      ...earlyRedactions,
      // There are hardly ever any.
      listFor: async (id, roomNid) => ((await isAwaited(id)) ? earlyRedactions.listFor(id, roomNid) : []),
    },
    receipts: { ...receipts, listOfUser: (roomId, userId) => ofUser({ roomId, userId }) },
    relations: { ...relations, forBundles: (parentIds, room) => bundles({ parentIds, ...room }) },
  }
}

function inOrder<Event extends StoredEvent>(positions: readonly number[], events: readonly Event[]) {
  const found = new Map(events.map((event) => [event.position, event]))
  return positions.map((position) => found.get(position))
}

const present = <Item>(items: readonly (Item | undefined)[]): Item[] => items.filter((item) => item !== undefined)
