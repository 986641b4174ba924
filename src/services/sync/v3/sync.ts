import { unknownToken } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { Ticket } from '#base/waiters.ts'
import { accountDataChanges } from '#services/accounts/data/account-data.ts'
import { EventLoader } from '#services/rooms/events/event-loader.ts'
import { keyStock } from '#services/e2ee/key-stock.ts'
import { deviceSection, keyCounts, type DeviceSection } from './sections/device-section.ts'
import { roomsSection } from './sections/rooms.ts'
import { presenceSection } from './sections/presence.ts'
import { movesSettings } from './sections/unread.ts'
import type { SyncMoment } from './sync-moment.ts'
import type { SyncRequest } from './sync-request.ts'
import { waitForNews } from './wait.ts'
import { writeToken, type SyncToken } from './token.ts'
import type { UserId } from '#protocol/ids.ts'

type Answer = { json: string; hasNews: boolean }

/**
 * The answer to a /sync as JSON text; waits for news up to the request's timeout.
 * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync
 */
export async function sync(ctx: Context, request: SyncRequest): Promise<string> {
  const deadline = ctx.clock.now() + request.timeout
  const { changes } = ctx.sessions
  const wait = async (ticket: Ticket) => {
    await waitForNews(ctx, ticket, { deadline, signal: request.signal })
    if (ctx.sessions.changes !== changes) await requireDevice(ctx, request)
  }
  for (;;) {
    const ticket = ctx.waiters.register(request.userId)
    try {
      const last = request.signal.aborted || request.timeout === 0 || ctx.clock.now() >= deadline
      if (!last && isUpToDate(ctx, request)) {
        await wait(ticket)
        if (isUpToDate(ctx, request)) return await timed(ctx, request, emptyAnswer)
      }
      const { json, hasNews } = await timed(ctx, request, answer)
      if (hasNews || last || !request.since || request.fullState) return json
      await wait(ticket)
    } finally {
      ticket.release()
    }
  }
}

/** Whoever was logged out while she waited gets no more news. */
async function requireDevice({ store }: Context, { userId, deviceId }: SyncRequest): Promise<void> {
  if (deviceId !== undefined && !(await store.accounts.devices.find(userId, deviceId))) throw unknownToken()
}

/** Known without reading anything: nobody has woken the user since her token was written, in this same process. */
const isUpToDate = (ctx: Context, { userId, since, fullState }: SyncRequest): boolean =>
  since !== undefined && !fullState && since.process === ctx.processId && !ctx.waiters.wokenSince(userId, since.moment)

/** Counts how long the making takes; waiting is not in it. */
async function timed<T>(
  ctx: Context,
  request: SyncRequest,
  make: (ctx: Context, request: SyncRequest) => Promise<T>,
): Promise<T> {
  const started = performance.now()
  const made = await make(ctx, request)
  ctx.metrics.syncDone({ kind: request.since ? 'incremental' : 'initial', ms: performance.now() - started })
  return made
}

async function answer(ctx: Context, request: SyncRequest): Promise<Answer> {
  const now = await currentToken(ctx)
  const ignored = await ctx.ignoredUsers.of(request.userId)
  const interval = { after: request.since?.accountData, upTo: now.accountData }
  const accountData = await accountDataChanges(ctx, request.userId, interval)
  const moment: SyncMoment = {
    request,
    now,
    loader: new EventLoader(ctx),
    ignored,
    settingsMoved: request.since !== undefined && movesSettings(accountData.global),
    moved: movedUsers(ctx, request, now),
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
    rooms.json,
    ...(devices.json === '' ? [] : [devices.json]),
  ]
  return {
    json: `{${parts.join(',')}}`,
    hasNews: devices.hasNews || rooms.hasNews || presence.hasNews || global.length > 0,
  }
}

async function movedUsers(
  { store }: Pick<Context, 'store'>,
  { userId, since }: SyncRequest,
  now: SyncToken,
): Promise<readonly UserId[]> {
  return since && since.events < now.events
    ? store.rooms.members.sharingCandidates(userId, since.events, now.events)
    : []
}

/** With to-device messages to acknowledge or still waiting, a token must not look up to date: it is of no process. */
const nextToken = (now: SyncToken, { toDevice, isDelivering }: DeviceSection): SyncToken =>
  isDelivering || toDevice < now.toDevice ? { ...now, toDevice, process: 'partial' } : now

/** Nothing happened: the token stands, and only the key counts are told, which clients want in every answer. */
async function emptyAnswer(ctx: Context, { userId, deviceId, since }: SyncRequest): Promise<string> {
  const token = since && `"next_batch":"${writeToken(since)}"`
  const keys = deviceId === undefined ? undefined : keyCounts(await keyStock(ctx, userId, deviceId))
  return `{${[token, keys].filter((part) => part !== undefined).join(',')}}`
}

/** The moment is read first: a wake-up while the answer is made shows again at the next request. */
async function currentToken(ctx: Context): Promise<SyncToken> {
  const moment = ctx.waiters.moment
  const typing = ctx.typing.serial
  const presence = ctx.presence.serial
  const events = ctx.store.eventWriter.position()
  const { receipts, account_data, to_device, device_lists } = await ctx.store.streams.positions()
  return {
    events,
    receipts,
    accountData: account_data,
    toDevice: to_device,
    deviceLists: device_lists,
    presence,
    typing,
    process: ctx.processId,
    moment,
  }
}
