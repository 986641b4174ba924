import { unknownToken } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { Ticket } from '#base/waiters.ts'
import { accountDataChanges } from '#services/accounts/data/account-data.ts'
import { EventLoader } from '#services/rooms/events/event-loader.ts'
import { keyStock } from '#services/e2ee/key-stock.ts'
import { deviceKey, type SyncStream } from '#services/sync/streams.ts'
import { deviceSection, keyCounts, type DeviceSection } from './sections/device-section.ts'
import { movedUsers } from './moved-users.ts'
import { roomsSection } from './sections/rooms.ts'
import { presenceSection } from './sections/presence.ts'
import { movesSettings } from './sections/unread.ts'
import type { SyncMoment } from './sync-moment.ts'
import type { SyncRequest } from './sync-request.ts'
import { waitForNews } from './wait.ts'
import { closed, inPieces, timedPieces } from './pieces.ts'
import { ignoredStreams, keysOf, movedStreams } from './moved-streams.ts'
import { maxTypingIn, noPositions, writeToken, type SyncPositions, type SyncToken } from './token.ts'

/** The whole text, or its beginning and what yields the rest. */
type Answer = { json: string; rest?: AsyncIterable<string> | undefined; hasNews: boolean }

/**
 * The answer to a /sync as JSON text, a long one in pieces that are made as they are asked for; waits for news up to the request's timeout.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
 */
export async function sync(ctx: Context, request: SyncRequest): Promise<string | AsyncIterable<string>> {
  const deadline = ctx.clock.now() + request.timeout
  const { moment } = ctx.waiters
  const wait = async (ticket: Ticket) => {
    await waitForNews(ctx, ticket, { deadline, signal: request.signal })
    await requireDevice(ctx, request, moment)
  }
  await ctx.waiters.announced()
  for (;;) {
    const ticket = ctx.waiters.register({ keys: keysOf(request), ignores: ignoredStreams(request.filter) })
    try {
      const last = request.signal.aborted || request.timeout === 0 || ctx.clock.now() >= deadline
      if (!last && isUpToDate(ctx, request)) {
        await wait(ticket)
        if (isUpToDate(ctx, request)) return (await timed(ctx, request, emptyAnswer)).json
      }
      const { json, rest, hasNews } = await timed(ctx, request, answer)
      if (hasNews || last || !request.since || request.fullState) return rest ? inPieces(json, rest) : json
      await wait(ticket)
    } finally {
      ticket.release()
    }
  }
}

/** A device that was deleted while its request waited gets no more news. */
async function requireDevice(
  { store, waiters }: Context,
  { userId, deviceId }: SyncRequest,
  moment: number,
): Promise<void> {
  if (deviceId === undefined || !waiters.movedSince(deviceKey({ userId, deviceId }), moment).includes('session')) return
  if (!(await store.accounts.devices.find(userId, deviceId))) throw unknownToken()
}

/** Known without reading anything: no stream has moved since the token was written, in this same process. */
const isUpToDate = (ctx: Context, request: SyncRequest): boolean => movedStreams(ctx, request).size === 0

/** Counts how long the making takes; waiting, also for the client to take a piece, is not in it. */
async function timed(
  ctx: Context,
  request: SyncRequest,
  make: (ctx: Context, request: SyncRequest) => Promise<Answer>,
): Promise<Answer> {
  const started = performance.now()
  const made = await make(ctx, request)
  const spent = performance.now() - started
  const done = (ms: number) => ctx.metrics.syncDone({ kind: request.since ? 'incremental' : 'initial', ms })
  if (made.rest) return { ...made, rest: timedPieces(made.rest, (more) => done(spent + more)) }
  done(spent)
  return made
}

async function answer(ctx: Context, request: SyncRequest): Promise<Answer> {
  const { now, streams } = await currentToken(ctx, request)
  const ignored = await ctx.ignoredUsers.of(request.userId)
  const interval = { after: request.since?.accountData, upTo: now.accountData }
  const accountData = await accountDataChanges(ctx, request.userId, interval)
  const moment: SyncMoment = {
    request,
    now,
    streams,
    loader: new EventLoader(ctx),
    ignored,
    settingsMoved: request.since !== undefined && movesSettings(accountData.global),
    moved: streams.has('members') ? movedUsers(ctx, request, now) : Promise.resolve([]),
  }
  const [devices, rooms, presence] = await Promise.all([
    deviceSection(ctx, moment),
    roomsSection(ctx, moment, accountData),
    presenceSection(ctx, moment),
  ])
  const global = accountData.global.filter((json) =>
    request.filter.accountData.matches(JSON.parse(json) as { type: string }),
  )
  const parts = [
    `"next_batch":"${writeToken(nextToken(now, devices))}"`,
    `"account_data":{"events":[${global.join(',')}]}`,
    presence.json,
    ...(devices.json === '' ? [] : [devices.json]),
    // Last: this is what may go on for long.
    rooms.json,
  ]
  return {
    json: `{${parts.join(',')}${rooms.rest ? '' : '}'}`,
    rest: rooms.rest && closed(rooms.rest),
    hasNews: devices.hasNews || rooms.hasNews || presence.hasNews || global.length > 0,
  }
}

/** With to-device messages to acknowledge or still waiting, a token must not look up to date: it is of no process. */
const nextToken = (now: SyncToken, { toDevice, isDelivering }: DeviceSection): SyncToken =>
  isDelivering || toDevice < now.toDevice ? { ...now, toDevice, process: 'partial' } : now

/** Nothing happened: the token stands, and only the key counts are sent, which clients expect in every answer. */
async function emptyAnswer(ctx: Context, { userId, deviceId, since }: SyncRequest): Promise<Answer> {
  const token = since && `"next_batch":"${writeToken(since)}"`
  const keys = deviceId === undefined ? undefined : keyCounts(await keyStock(ctx, { userId, deviceId }))
  return { json: `{${[token, keys].filter((part) => part !== undefined).join(',')}}`, hasNews: false }
}

const storedStreams = ['receipts', 'account_data', 'to_device', 'device_lists'] as const

/**
 * The token of the answer, and the streams to read for it. The moment comes first: what moves while the answer is made
 * shows again at the next request. A stream that has not moved for the reader keeps the position of the token before:
 * it may hold something by now that has yet to be announced.
 */
async function currentToken(
  ctx: Context,
  request: SyncRequest,
): Promise<{ now: SyncToken; streams: ReadonlySet<SyncStream> }> {
  const { moment } = ctx.waiters
  const streams = movedStreams(ctx, request)
  const now: SyncPositions = { ...(request.since ?? noPositions) }
  if (streams.has('events')) now.events = ctx.store.eventWriter.position()
  if (streams.has('typing')) now.typing = ctx.typing.serial
  if (streams.has('presence')) now.presence = ctx.presence.serial
  if (storedStreams.some((stream) => streams.has(stream))) {
    const stored = await ctx.store.streams.positions()
    if (streams.has('receipts')) now.receipts = stored.receipts
    if (streams.has('account_data')) now.accountData = stored.account_data
    if (streams.has('to_device')) now.toDevice = stored.to_device
    if (streams.has('device_lists')) now.deviceLists = stored.device_lists
  }
  const typingIn = streams.has('typing') ? await roomsOfTypists(ctx, request) : (request.since?.typingIn ?? [])
  return { now: { ...now, process: ctx.processId, moment, typingIn }, streams }
}

/** Numbers of the user's rooms with typing users. */
async function roomsOfTypists(ctx: Context, { userId }: SyncRequest): Promise<number[]> {
  const lively = ctx.typing.lively()
  if (lively.length === 0) return []
  const { rooms } = await ctx.accountRooms.of(userId)
  return lively.flatMap((roomId) => rooms.get(roomId)?.roomNid ?? []).slice(0, maxTypingIn)
}
