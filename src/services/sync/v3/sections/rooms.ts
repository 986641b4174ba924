import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Context } from '#context.ts'
import type { AccountDataChanges } from '#services/accounts/data/account-data.ts'
import { EventLoader } from '#services/rooms/events/event-loader.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { gatherReads } from '#services/rooms/read/gather-reads.ts'
import { movedRooms } from '#services/sync/v3/moved-rooms.ts'
import { roomPlaces, type RoomPlace } from '#services/sync/v3/room-places.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import { invitedRoom } from './invited-room.ts'
import { joinedRoom } from './joined-room.ts'
import { leftRoom } from './left-room.ts'
import { newsSource, roomExtras, type NewsSource } from './room-news.ts'
import type { RoomExtras } from './room-extras.ts'

type Section = 'join' | 'invite' | 'knock' | 'leave'

/** What the answer says of rooms; where that is long, `json` is the beginning, and the rest is made as it is asked for. */
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
  const places = await roomPlaces(ctx, request, { rooms: moved.rooms, upTo: now.events })
  const news = await newsSource(ctx, moment, { places, moved, accountData })
  const inSections = places.toSorted((one, other) => orderOf(one) - orderOf(other))
  const pages = pagesOf({ given, ctx }, moment, { places: inSections, news })
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
async function* pagesOf(readers: Readers, moment: SyncMoment, { places, news }: Page): AsyncGenerator<string> {
  let open: Section | undefined
  for (let start = 0; start < places.length; start += pageSize) {
    if (start > 0) await nextTurn()
    const page = places.slice(start, start + pageSize)
    let text = ''
    for (const { place, json } of await pageTexts(readers, moment, { places: page, news })) {
      const section = sectionOf(place)
      const before = section === open ? ',' : `${open === undefined ? '' : '},'}"${section}":{`
      text += `${before}${JSON.stringify(place.roomId)}:${json}`
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
const orderOf = (place: RoomPlace): number => sections.indexOf(sectionOf(place))

const sectionOf = ({ membership }: RoomPlace): Section => (membership === 'ban' ? 'leave' : membership)

/** The context as it is, and with reads that are gathered. */
type Readers = { given: Context; ctx: Context }
type Page = { places: readonly RoomPlace[]; news: NewsSource }
type RoomText = { place: RoomPlace; json: string }

/** What the rooms need is read for all of them together; each asks as if it were alone. */
async function pageTexts({ given, ctx }: Readers, moment: SyncMoment, { places, news }: Page): Promise<RoomText[]> {
  const liveRooms = await ctx.rooms.findToRead(places.map(({ roomId }) => roomId))
  await warmNewRooms(ctx, moment, { places, liveRooms })
  const extrasOf = await roomExtras(ctx, moment, { places, news })
  const page = { ...moment, loader: new EventLoader(given) }
  const texts = await Promise.all(
    places.map(async (place, index) => {
      const room = liveRooms[index]
      return room && (await roomText(ctx, page, { place, room, extras: extrasOf(place) }))
    }),
  )
  return places.flatMap((place, index) => {
    const json = texts[index]
    return json === undefined ? [] : [{ place, json }]
  })
}

type RoomPart = { place: RoomPlace; room: LiveRoom; extras: RoomExtras }

async function roomText(
  ctx: Context,
  moment: SyncMoment,
  { place, room, extras }: RoomPart,
): Promise<string | undefined> {
  if (place.membership === 'join') return joinedRoom(ctx, moment, { place, room, extras })
  const since = moment.request.since?.events
  const isNews =
    since === undefined ||
    place.position > since ||
    (sectionOf(place) !== 'leave' && (moment.request.fullState || moment.settingsMoved))
  if (!isNews) return undefined
  if (sectionOf(place) === 'leave') return leftRoom(ctx, moment, { place, room, accountData: extras.accountData })
  if (place.membership === 'invite' && moment.ignored.has(place.sender)) return undefined
  return invitedRoom(ctx, { place, room, userId: moment.request.userId })
}

type Rooms = { places: readonly RoomPlace[]; liveRooms: readonly (LiveRoom | undefined)[] }

/** Timelines of rooms told from scratch are read in one query. */
async function warmNewRooms(ctx: Context, { request }: SyncMoment, { places, liveRooms }: Rooms): Promise<void> {
  const isCold = (room: LiveRoom | undefined, index: number): room is LiveRoom =>
    room !== undefined && (places[index]?.isNew ?? false)
  const fresh = liveRooms.filter(isCold)
  if (fresh.length > 1) await ctx.rooms.warm(fresh, request.filter.timeline.limit + 1)
}
