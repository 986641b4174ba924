import { toDeviceQueued, type Device } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { Transaction } from '#store/open.ts'
import type { ToDeviceMessage } from '#store/e2ee/to-device.ts'
import { partitionByServer } from './remote-users.ts'
import type { UserId } from '#protocol/ids.ts'

/** Messages that wait for one device at most; beyond, the oldest are dropped: a device that long away starts anew. */
const maxWaiting = 10_000
/** A client repeats a request whose answer was lost within minutes. */
const transactionLifeMs = 24 * 60 * 60 * 1000

/** Device ids to contents; the device `*` stands for all devices of the user. */
export type MessagesToUser = { userId: UserId; contents: Readonly<Record<string, JsonObject>> }

export type ToDeviceSend = {
  sender: UserId
  /** What makes a repetition the same one: the sending device ('' for none) and its transaction id. */
  deviceId: string
  transactionId: string
  type: string
  messages: readonly MessagesToUser[]
}

/** Puts messages into the queues of devices of this server, once for each transaction. */
export async function sendToDevice(
  ctx: Pick<Context, 'store' | 'bus' | 'clock' | 'config'>,
  send: ToDeviceSend,
): Promise<void> {
  const { local } = partitionByServer(ctx, send.messages)
  const { sender: userId, deviceId, type, transactionId } = send
  const now = ctx.clock.now()
  const reached = await ctx.store.transaction(async (tx) => {
    if (!(await tx.e2ee.toDevice.begin({ userId, deviceId, type, transactionId }, now))) return []
    await tx.e2ee.toDevice.forgetTransactions(now - transactionLifeMs)
    return deliver(tx, send, local)
  })
  if (reached.length > 0) ctx.bus.publish(toDeviceQueued, { devices: reached })
}

/** Answers the devices that got something. */
async function deliver(
  tx: Transaction,
  { sender, type }: ToDeviceSend,
  targets: readonly MessagesToUser[],
): Promise<Device[]> {
  const devices = await tx.e2ee.toDevice.listDevices(targets.map(({ userId }) => userId))
  const contents = new Map(targets.map((target) => [target.userId, target.contents]))
  const deliveries = devices.flatMap((device) => {
    const content = contentFor(device.deviceId, contents.get(device.userId) ?? {})
    return content ? [{ ...device, content: JSON.stringify(content) }] : []
  })
  if (deliveries.length === 0) return []
  const position = await tx.streams.next('to_device')
  await tx.e2ee.toDevice.insert(deliveries.map((delivery) => ({ ...delivery, position, sender, type })))
  await tx.e2ee.toDevice.trim(
    deliveries.map(({ userId, deviceId }) => [userId, deviceId] as const),
    maxWaiting,
  )
  return deliveries.map(({ userId, deviceId }) => ({ userId, deviceId }))
}

function contentFor(deviceId: string, contents: Readonly<Record<string, JsonObject>>): JsonObject | undefined {
  const name = Object.hasOwn(contents, deviceId) ? deviceId : '*'
  return Object.hasOwn(contents, name) ? contents[name] : undefined
}

/** The most that one /sync carries. */
const maxDelivered = 100

export type ToDeviceInbox = {
  userId: UserId
  deviceId: string
  /** What the client's token acknowledges; absent on an initial sync. */
  since?: number | undefined
  /** The newest position of the stream that the answer may speak of. */
  upTo: number
  limit?: number
}

export type ToDeviceEvent = { sender: UserId; type: string; content: JsonObject }

/**
 * The messages for the next answer and the position its token must carry. What `since` acknowledges is deleted;
 * in the usual case that is none, and one read answers all.
 */
export async function toDeviceMessages(
  { store }: Pick<Context, 'store'>,
  { userId, deviceId, since = 0, upTo, limit = maxDelivered }: ToDeviceInbox,
): Promise<{ events: ToDeviceEvent[]; position: number }> {
  const read = () => store.e2ee.toDevice.list({ userId, deviceId }, { upTo, limit: Math.min(limit, maxDelivered) })
  let waiting = await read()
  const oldest = waiting[0]
  if (oldest && oldest.position <= since) {
    await store.e2ee.toDevice.deleteUpTo(userId, deviceId, since)
    waiting = await read()
  }
  const isFull = waiting.length >= Math.min(limit, maxDelivered)
  return { events: waiting.map(eventOf), position: isFull ? (waiting.at(-1)?.position ?? upTo) : upTo }
}

/** The message as clients get it. */
export const eventOf = ({ sender, type, content }: ToDeviceMessage): ToDeviceEvent => ({
  sender,
  type,
  content: JSON.parse(content) as JsonObject,
})
