import type { Context } from '#context.ts'
import { accountDataChanges } from '#services/accounts/data/account-data.ts'
import { receiptChanges } from '#services/rooms/ephemeral/receipts.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { roomPlaces, type RoomPlace } from '#services/sync/v3/room-places.ts'
import type { SyncMoment } from '#services/sync/v3/sync-moment.ts'
import { invitedRoom } from './invited-room.ts'
import { joinedRoom } from './joined-room.ts'
import { leftRoom } from './left-room.ts'
import type { RoomExtras } from './room-extras.ts'

type Section = 'join' | 'invite' | 'knock' | 'leave'
type AccountData = Awaited<ReturnType<typeof accountDataChanges>>

export type RoomsSection = { json: string; hasNews: boolean }

const roomStreams = ['events', 'receipts', 'typing', 'account_data'] as const

/** The `rooms` of an answer. */
export async function roomsSection(ctx: Context, moment: SyncMoment, accountData: AccountData): Promise<RoomsSection> {
  const { request, now, streams } = moment
  if (!roomStreams.some((stream) => streams.has(stream))) return { json: '"rooms":{}', hasNews: false }
  const places = await roomPlaces(ctx, request, now.events)
  const liveRooms = await ctx.rooms.findAll(places.map(({ roomId }) => roomId))
  await warmNewRooms(ctx, moment, { places, liveRooms })
  const extrasOf = await roomExtras(ctx, moment, { places, accountData })
  const texts: Record<Section, string[]> = { join: [], invite: [], knock: [], leave: [] }
  await Promise.all(
    places.map(async (place, index) => {
      const room = liveRooms[index]
      const json = room && (await roomText(ctx, moment, { place, room, extras: extrasOf(place) }))
      if (json !== undefined) texts[sectionOf(place)].push(`${JSON.stringify(place.roomId)}:${json}`)
    }),
  )
  const sections = (Object.keys(texts) as Section[]).filter((section) => texts[section].length > 0)
  return {
    json: `"rooms":{${sections.map((section) => `"${section}":{${texts[section].join(',')}}`).join(',')}}`,
    hasNews: sections.length > 0,
  }
}

const sectionOf = ({ membership }: RoomPlace): Section => (membership === 'ban' ? 'leave' : membership)

type RoomPart = { place: RoomPlace; room: LiveRoom; extras: RoomExtras }

async function roomText(
  ctx: Context,
  moment: SyncMoment,
  { place, room, extras }: RoomPart,
): Promise<string | undefined> {
  if (place.membership === 'join') return joinedRoom(ctx, moment, { place, room, extras })
  const since = moment.request.since?.events
  const isNews =
    since === undefined || place.position > since || (moment.request.fullState && sectionOf(place) !== 'leave')
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
  if (fresh.length > 1) await ctx.rooms.warm(fresh, Math.max(50, request.filter.timeline.limit + 1))
}

const noTyping: ReturnType<Context['typing']['changes']> = new Map()

type ExtrasSource = { places: readonly RoomPlace[]; accountData: AccountData }

/** Receipts, typing and room account data: what changed, or all of it in rooms that are new to the client. */
async function roomExtras(
  ctx: Context,
  { request, now, streams }: SyncMoment,
  { places, accountData }: ExtrasSource,
): Promise<(place: RoomPlace) => RoomExtras> {
  const { since, userId, filter } = request
  const joined = places.filter(({ membership }) => membership === 'join')
  const known = since === undefined ? [] : joined.filter(({ isNew }) => !isNew).map(({ roomId }) => roomId)
  const fresh = joined.filter(({ isNew }) => isNew).map(({ roomId }) => roomId)
  const [receipts, freshReceipts, freshData] = await Promise.all([
    receiptChanges(ctx, userId, { roomIds: known, after: since?.receipts ?? 0, upTo: now.receipts }),
    receiptChanges(ctx, userId, { roomIds: fresh, after: 0, upTo: now.receipts }),
    since && fresh.length > 0
      ? accountDataChanges(ctx, userId, { after: undefined, upTo: now.accountData })
      : accountData,
  ])
  const typing = streams.has('typing') ? ctx.typing.changes(since?.typing ?? 0) : noTyping
  const typingNow = since && fresh.length > 0 ? ctx.typing.changes(0) : typing
  return ({ roomId, isNew }) => {
    const typists = (isNew ? typingNow : typing).get(roomId)?.userIds
    const receipt = (isNew ? freshReceipts : receipts).get(roomId)
    const ephemeral = [
      ...(receipt === undefined ? [] : [{ type: 'm.receipt', json: receipt }]),
      ...(typists
        ? [{ type: 'm.typing', json: JSON.stringify({ type: 'm.typing', content: { user_ids: typists } }) }]
        : []),
    ].filter(({ type }) => filter.ephemeral.matches({ type }) && filter.ephemeral.matchesRoom(roomId))
    const data = ((isNew ? freshData : accountData).rooms.get(roomId) ?? []).filter(
      (json) =>
        filter.roomAccountData.matches(JSON.parse(json) as { type: string }) &&
        filter.roomAccountData.matchesRoom(roomId),
    )
    return {
      ephemeral: ephemeral.map(({ json }) => json),
      accountData: data,
      any: receipt !== undefined || ephemeral.length > 0 || data.length > 0,
    }
  }
}
