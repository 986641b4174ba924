import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { fitsId, isValidUserId, serverOf } from '#protocol/ids.ts'
import { deliverToDevices, type MessagesToUser } from '#services/e2ee/to-device.ts'
import type { ReceiveEdu } from './edu.ts'

/**
 * Messages of a user of the server that sent them to devices of this one, once for each message id.
 * https://spec.matrix.org/v1.19/server-server-api/#send-to-device-messaging
 */
export const receiveToDevice: ReceiveEdu = async (ctx, { origin, content }) => {
  const { sender, type, message_id: messageId, messages } = content
  if (typeof sender !== 'string' || !isValidUserId(sender) || serverOf(sender) !== origin) return
  if (typeof type !== 'string' || !fitsId(type) || typeof messageId !== 'string' || !fitsId(messageId)) return
  if (!isObject(messages)) return
  const targets = readTargets(messages, ctx.config.server_name)
  if (targets.length === 0) return
  await deliverToDevices(ctx, { sender, deviceId: '', type, transactionId: messageId, messages: targets })
}

function readTargets(messages: JsonObject, serverName: string): MessagesToUser[] {
  return Object.entries(messages).flatMap(([userId, contents]) => {
    if (!isValidUserId(userId) || serverOf(userId) !== serverName || !isObject(contents)) return []
    const readable = Object.entries(contents).filter(([, content]) => isObject(content))
    return [{ userId, contents: Object.fromEntries(readable) as Record<string, JsonObject> }]
  })
}
