import type { Context } from '#context.ts'
import { isObject, type JsonValue } from '#protocol/events/event.ts'
import type { ServerName } from '#protocol/ids.ts'
import type { ReceiveEdu } from './edu.ts'
import { receiveDeviceListUpdate, receiveSigningKeyUpdate } from './device-lists.ts'
import { receivePresences } from './receive-presences.ts'
import { receiveReceipts } from './receive-receipts.ts'
import { receiveTyping } from './receive-typing.ts'
import { receiveToDevice } from './to-device.ts'

/** By type. */
const kinds: Readonly<Record<string, ReceiveEdu>> = {
  'm.device_list_update': receiveDeviceListUpdate,
  'm.direct_to_device': receiveToDevice,
  'm.presence': receivePresences,
  'm.receipt': receiveReceipts,
  'm.signing_key_update': receiveSigningKeyUpdate,
  'm.typing': receiveTyping,
}

/** Takes in an EDU of another server; never throws for what it is like, and what it cannot be used for is left out. */
export async function receiveEdu(
  ctx: Context,
  { origin, edu }: { origin: ServerName; edu: JsonValue },
  receivers: Readonly<Record<string, ReceiveEdu>> = kinds,
): Promise<void> {
  if (!isObject(edu)) return
  const { edu_type: type, content } = edu
  if (typeof type !== 'string' || !isObject(content) || !Object.hasOwn(receivers, type)) return
  try {
    await receivers[type]?.(ctx, { origin, content })
  } catch (error) {
    ctx.log.error('an EDU failed', { origin, edu_type: type, error })
  }
}
