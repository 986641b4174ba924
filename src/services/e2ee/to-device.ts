import { toDeviceQueued, type DeviceRef } from '#bus/topics.ts'
import { limitExceeded, tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { Transaction } from '#store/open.ts'
import { announceEdus, enqueueEdus, type NewEdu } from '#services/remote/outgoing-edus.ts'
import type { ToDeviceMessage } from '#store/e2ee/to-device.ts'
import { requireBounded } from './bounded-request.ts'
import { partitionByServer } from './remote-users.ts'
import { trimQueues } from './to-device-queues.ts'
import type { UserId } from '#protocol/ids.ts'

/** Clients retry within minutes. */
const transactionLifeMs = 24 * 60 * 60 * 1000

/** When to try again to reach a server whose queue is full. */
const retryAfterMs = 60_000

/** Device ids to contents; the device `*` stands for all devices of the user. */
export type MessagesToUser = { userId: UserId; contents: Readonly<Record<string, JsonObject>> }

export type ToDeviceSend = {
  sender: UserId
  /** By which a retry is recognized: the sending device ('' for none) and its transaction id. */
  deviceId: string
  transactionId: string
  type: string
  messages: readonly MessagesToUser[]
}

type Needs = Pick<Context, 'store' | 'bus' | 'clock' | 'config'>

/** Sends messages to devices, of this server and of others, once for each transaction id. */
export async function sendToDevice(ctx: Needs & Pick<Context, 'tokens'>, send: ToDeviceSend): Promise<void> {
  requireBounded(ctx, boundsOf(send))
  const { local, remote } = partitionByServer(ctx, send.messages)
  // One text: an id that no other message of the sender has.
  const messageId = ctx.tokens.id(16)
  const edus = [...remote].map(([destination, targets]): NewEdu => ({
    destination,
    type: 'm.direct_to_device',
    content: { sender: send.sender, type: send.type, message_id: messageId, messages: messagesOf(targets) },
  }))
  const reached = await deliverOnce(ctx, send, async (tx) => {
    const { refused } = await enqueueEdus(ctx, tx, edus)
    // Where a server has not answered for so long that its queue is full, the client is to know.
    if (refused.length > 0) throw limitExceeded(retryAfterMs)
    return deliver(ctx, tx, { send, targets: local })
  })
  if (reached.length > 0) ctx.bus.publish(toDeviceQueued, { devices: reached })
  if (edus.length > 0) announceEdus(ctx, [...remote.keys()])
}

/** Queues messages of a user of another server for devices of this one, once for each transaction id. */
export async function deliverToDevices(ctx: Needs, send: ToDeviceSend): Promise<void> {
  requireBounded(ctx, boundsOf(send))
  const reached = await deliverOnce(ctx, send, (tx) => deliver(ctx, tx, { send, targets: send.messages }))
  if (reached.length > 0) ctx.bus.publish(toDeviceQueued, { devices: reached })
}

const boundsOf = ({ messages }: ToDeviceSend) => ({
  users: messages.length,
  devices: messages.reduce((sum, { contents }) => sum + Object.keys(contents).length, 0),
})

const messagesOf = (targets: readonly MessagesToUser[]): JsonObject =>
  Object.fromEntries(targets.map(({ userId, contents }) => [userId, contents as JsonObject]))

/** Runs the work unless the transaction id was used before. */
function deliverOnce(
  { store, clock }: Pick<Context, 'store' | 'clock'>,
  { sender: userId, deviceId, type, transactionId }: ToDeviceSend,
  work: (tx: Transaction) => Promise<DeviceRef[]>,
): Promise<DeviceRef[]> {
  const now = clock.now()
  return store.transaction(async (tx) => {
    if (!(await tx.e2ee.toDevice.begin({ userId, deviceId, type, transactionId }, now))) return []
    await tx.e2ee.toDevice.deleteTransactionsBefore(now - transactionLifeMs)
    return work(tx)
  })
}

type Delivery = { send: ToDeviceSend; targets: readonly MessagesToUser[] }

/**
 * Answers the devices that got a message. A full queue drops the oldest message of the sender with the most, so that no
 * sender can displace the messages of others.
 */
async function deliver(
  { config }: Pick<Context, 'config'>,
  tx: Transaction,
  { send: { sender, type }, targets }: Delivery,
): Promise<DeviceRef[]> {
  const devices = await tx.e2ee.toDevice.listDevices(targets.map(({ userId }) => userId))
  const contents = new Map(targets.map((target) => [target.userId, target.contents]))
  // A content that is sent to many devices is serialized once.
  const texts = new Map<JsonObject, string>()
  const deliveries = devices.flatMap((device) => {
    const content = contentFor(device.deviceId, contents.get(device.userId) ?? {})
    if (!content) return []
    const text = texts.get(content) ?? JSON.stringify(content)
    texts.set(content, text)
    return [{ ...device, content: text, bytes: Buffer.byteLength(text) }]
  })
  if (deliveries.length === 0) return []
  const bytes = deliveries.reduce((sum, delivery) => sum + delivery.bytes, 0)
  if (bytes > config.limits.to_device_bytes_per_request)
    throw tooLarge('The messages are too large for so many devices')
  const position = await tx.streams.next('to_device')
  await tx.e2ee.toDevice.insert(deliveries.map((delivery) => ({ ...delivery, position, sender, type })))
  await trimQueues(tx, { sender, devices, reached: deliveries }, config.limits)
  return deliveries.map(({ userId, deviceId }) => ({ userId, deviceId }))
}

function contentFor(deviceId: string, contents: Readonly<Record<string, JsonObject>>): JsonObject | undefined {
  const name = Object.hasOwn(contents, deviceId) ? deviceId : '*'
  return Object.hasOwn(contents, name) ? contents[name] : undefined
}

/** Bounds of one sync response. */
const maxDelivered = 100

export type ToDeviceInbox = {
  userId: UserId
  deviceId: string
  /** The position that the client's token acknowledges; absent on an initial sync. */
  since?: number | undefined
  /** The newest position of the stream that the response may include. */
  upTo: number
  limit?: number
}

export type ToDeviceEvent = { sender: UserId; type: string; content: JsonObject }

/**
 * The messages for the next response and the position for its token. Messages that `since` acknowledges are deleted;
 * usually there are none, and one read is enough.
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
