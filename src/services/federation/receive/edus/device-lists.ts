import type { JsonObject } from '#protocol/events/event.ts'
import { isValidUserId, serverOf, type ServerName, type UserId } from '#protocol/ids.ts'
import { applyDeviceListUpdate, applySigningKeyUpdate } from '#services/e2ee/remote/device-list-updates.ts'
import type { ReceiveEdu } from './edu.ts'

/** The user of an EDU, where it is one of the server that sent it. */
function ownUser(origin: ServerName, { user_id: userId }: JsonObject): UserId | undefined {
  return typeof userId === 'string' && isValidUserId(userId) && serverOf(userId) === origin ? userId : undefined
}

/** https://spec.matrix.org/v1.19/server-server-api/#mdevice_list_update */
export const receiveDeviceListUpdate: ReceiveEdu = async (ctx, { origin, content }) => {
  const userId = ownUser(origin, content)
  if (userId !== undefined) await applyDeviceListUpdate(ctx, userId, content)
}

/** https://spec.matrix.org/v1.19/server-server-api/#msigning_key_update */
export const receiveSigningKeyUpdate: ReceiveEdu = async (ctx, { origin, content }) => {
  const userId = ownUser(origin, content)
  if (userId !== undefined) await applySigningKeyUpdate(ctx, userId, content)
}
