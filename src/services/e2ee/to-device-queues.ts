import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'
import type { QueueShare, ToDeviceTarget } from '#store/e2ee/to-device.ts'
import type { Transaction } from '#store/open.ts'

type Limits = Context['config']['limits']

export type Sent = {
  sender: UserId
  /** All devices of the recipients. */
  devices: readonly ToDeviceTarget[]
  reached: readonly ToDeviceTarget[]
}

/** Trims the queues that grew to their bounds. */
export async function trimQueues(tx: Transaction, { sender, devices, reached }: Sent, limits: Limits): Promise<void> {
  const countOf = new Map<string, number>()
  for (const { userId } of devices) countOf.set(userId, (countOf.get(userId) ?? 0) + 1)
  const shares = Map.groupBy(await tx.e2ee.toDevice.listShares(reached), ({ userId, deviceId }) =>
    JSON.stringify([userId, deviceId]),
  )
  for (const queue of shares.values()) {
    const [first] = queue
    if (!first) continue
    const most = {
      messages: limits.to_device_messages_per_device,
      bytes: Math.min(
        limits.to_device_bytes_per_device,
        Math.floor(limits.to_device_bytes_per_user / (countOf.get(first.userId) ?? 1)),
      ),
    }
    const fair = {
      messages: fairShare(
        queue.map(({ messages }) => messages),
        most.messages,
      ),
      bytes: fairShare(
        queue.map(({ bytes }) => bytes),
        most.bytes,
      ),
    }
    for (const share of queue) {
      const messages = Math.min(
        fair.messages,
        share.sender === sender ? limits.to_device_messages_per_sender : Infinity,
      )
      if (share.messages > messages || share.bytes > fair.bytes)
        await tx.e2ee.toDevice.keepNewest(share, { messages: Math.min(messages, share.messages), bytes: fair.bytes })
    }
  }
}

/** The cap for each sender at which the total is no more than `most`; senders below it lose nothing. */
export function fairShare(amounts: readonly QueueShare['bytes'][], most: number): number {
  let left = most
  const sorted = amounts.toSorted((one, other) => one - other)
  for (const [index, amount] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index))
    if (amount > share) return share
    left -= amount
  }
  return Infinity
}
