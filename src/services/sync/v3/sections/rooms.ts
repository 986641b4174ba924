import { inSlicesWithPauses } from '#base/in-slices.ts'
import type { Context } from '#context.ts'
import type { AccountDataChanges } from '#services/accounts/data/account-data.ts'
import { EventLoader } from '#services/rooms/events/event-loader.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { gatherReads } from '#services/rooms/read/gather-reads.ts'
import { movedRooms } from '#services/sync/v3/moved-rooms.ts'
import { syncRooms, type SyncRoom } from '#services/sync/v3/sync-rooms.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import { invitedRoom } from './invited-room.ts'
import { joinedRoom } from './joined-room.ts'
import { leftRoom } from './left-room.ts'
import { outsideRoom, outsideRooms } from './outside-room.ts'
import type { OutsideMembership } from '#store/rooms/outside-memberships.ts'
import { newsSource, roomExtras, type NewsSource } from './room-news.ts'
import type { RoomExtras } from './room-extras.ts'

type Section = 'join' | 'invite' | 'knock' | 'leave'

/**
 * What the answer says of rooms; where that is long, `json` is the beginning, and the rest is made as it is asked for.
 */
export type RoomsSection = { json: string; rest: AsyncIterable<string> | undefined; hasNews: boolean }

const roomStreams = ['events', 'receipts', 'typing', 'account_data'] as const

/** So many rooms are read at once: what an answer takes besides its text does not grow with the rooms. */
const pageSize = 50
/** An answer that is longer is sent while it is made. */
const muchText = 262_144

/** The `rooms` of an answer. */
export async function roomsSection(
  given: Context,
  moment: SyncMoment,
  accountData: AccountDataChanges,
): Promise<RoomsSection> {
  const { request, now, streams } = moment
  if (!roomStreams.some((stream) => streams.has(stream))) return { json: '"rooms":{}', rest: undefined, hasNews: false }
  const moved = await movedRooms(given, moment, accountData)
  const ctx = moved.rooms.length > 1 ? { ...given, store: gatherReads(given.store) } : given
  const found = await syncRooms(ctx, request, { rooms: moved.rooms, upTo: now.events })
  const news = await newsSource(ctx, moment, { syncRooms: found, moved, accountData })
  const inSections = found.toSorted((one, other) => orderOf(one) - orderOf(other))
  const pages = pagesOf({ given, ctx }, moment, { syncRooms: inSections, news })
  let json = '"rooms":{'
  let hasNews = false
  for (;;) {
    const page = await pages.next()
    if (page.done) return { json: `${json}${hasNews ? '}' : ''}}`, rest: undefined, hasNews }
    json += page.value
    hasNews = true
    if (json.length > muchText) return { json, rest: toTheEnd(pages), hasNews }
  }
}

/** The texts of a page at a time; the last section and the whole stay open. */
async function* pagesOf(readers: Readers, moment: SyncMoment, { syncRooms, news }: Page): AsyncGenerator<string> {
  let open: Section | undefined
  for await (const page of inSlicesWithPauses(syncRooms, pageSize)) {
    let text = ''
    for (const { syncRoom, json } of await pageTexts(readers, moment, { syncRooms: page, news })) {
      const section = sectionOf(syncRoom)
      const before = section === open ? ',' : `${open === undefined ? '' : '},'}"${section}":{`
      text += `${before}${JSON.stringify(syncRoom.roomId)}:${json}`
      open = section
    }
    if (text !== '') yield text
  }
}

async function* toTheEnd(pages: AsyncIterable<string>): AsyncGenerator<string> {
  yield* pages
  yield '}}'
}

const sections: readonly Section[] = ['join', 'invite', 'knock', 'leave']
const orderOf = (syncRoom: SyncRoom): number => sections.indexOf(sectionOf(syncRoom))

const sectionOf = ({ membership }: SyncRoom): Section => (membership === 'ban' ? 'leave' : membership)

/** The context as it is, and with reads that are gathered. */
type Readers = { given: Context; ctx: Context }
type Page = { syncRooms: readonly SyncRoom[]; news: NewsSource }
type RoomText = { syncRoom: SyncRoom; json: string }

/** What the rooms need is read for all of them together; each asks as if it were alone. */
async function pageTexts({ given, ctx }: Readers, moment: SyncMoment, { syncRooms, news }: Page): Promise<RoomText[]> {
  const liveRooms = await ctx.rooms.findToRead(syncRooms.map(({ roomId }) => roomId))
  const outside = await outsideRooms(ctx, moment, syncRooms)
  await warmNewRooms(ctx, moment, { syncRooms, liveRooms })
  const extrasOf = await roomExtras(ctx, moment, { syncRooms, news })
  const page = { ...moment, loader: new EventLoader(given) }
  const texts = await Promise.all(
    syncRooms.map(async (syncRoom, index) => {
      const part = { syncRoom, room: liveRooms[index], outside: outside.get(syncRoom.roomNid) }
      return roomText(ctx, page, { ...part, extras: extrasOf(syncRoom) })
    }),
  )
  return syncRooms.flatMap((syncRoom, index) => {
    const json = texts[index]
    return json === undefined ? [] : [{ syncRoom, json }]
  })
}

type RoomPart = {
  syncRoom: SyncRoom
  /** Absent where the room is known only from an invite or a knock. */
  room: LiveRoom | undefined
  outside: OutsideMembership | undefined
  extras: RoomExtras
}

async function roomText(
  ctx: Context,
  moment: SyncMoment,
  { syncRoom, room, outside, extras }: RoomPart,
): Promise<string | undefined> {
  if (syncRoom.membership === 'join') return room && joinedRoom(ctx, moment, { syncRoom, room, extras })
  const since = moment.request.since?.events
  const isNews =
    since === undefined ||
    syncRoom.position > since ||
    (sectionOf(syncRoom) !== 'leave' && (moment.request.fullState || moment.settingsMoved))
  if (!isNews) return undefined
  if (syncRoom.membership === 'invite' && moment.ignored.has(syncRoom.sender)) return undefined
  if (outside) return outsideRoom(moment, outside)
  if (!room) return undefined
  if (sectionOf(syncRoom) === 'leave') return leftRoom(ctx, moment, { syncRoom, room, accountData: extras.accountData })
  return invitedRoom(ctx, { syncRoom, room, userId: moment.request.userId })
}

type Rooms = { syncRooms: readonly SyncRoom[]; liveRooms: readonly (LiveRoom | undefined)[] }

/** The timelines of new rooms are read in one query. */
async function warmNewRooms(ctx: Context, { request }: SyncMoment, { syncRooms, liveRooms }: Rooms): Promise<void> {
  const isCold = (room: LiveRoom | undefined, index: number): room is LiveRoom =>
    room !== undefined && (syncRooms[index]?.isNew ?? false)
  const fresh = liveRooms.filter(isCold)
  if (fresh.length > 1) await ctx.rooms.warm(fresh, request.filter.timeline.limit + 1)
}
