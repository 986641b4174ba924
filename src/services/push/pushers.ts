import { forbidden, invalidParam, missingParam } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'

const maxAppIdLength = 64
const maxPushkeyBytes = 512

/** A pusher as its user sees it. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushers */
export type Pusher = {
  kind: string
  app_id: string
  pushkey: string
  app_display_name: string
  device_display_name: string
  lang: string
  data: JsonObject
  profile_tag?: string
}

/** The request of a client; only app id and pushkey are required in all of them. */
export type PusherOptions = Pick<Pusher, 'app_id' | 'pushkey'> & Partial<Omit<Pusher, 'kind'>> & { kind: string | null }

export type PusherOwner = { userId: UserId; deviceId: string | undefined }

export async function listPushers({ store }: Pick<Context, 'store'>, userId: UserId): Promise<Pusher[]> {
  return (await store.push.pushers.list(userId)).map(({ pusher }) => JSON.parse(pusher) as Pusher)
}

/** Without `append`, deletes the pushers of other users with the same app and key: the device changed its user. */
export async function putPusher(
  { store, clock, config, outgoing }: Pick<Context, 'store' | 'clock' | 'config' | 'outgoing'>,
  { userId, deviceId }: PusherOwner,
  { options, isShared }: { options: PusherOptions; isShared: boolean },
): Promise<void> {
  const pusher = checkPusher(options)
  const refusal = outgoing.refusal(String(pusher.data.url))
  if (refusal !== undefined) throw invalidParam(`data.url cannot be reached: ${refusal}`)
  const { app_id: appId, pushkey } = pusher
  const text = JSON.stringify(pusher)
  if (Buffer.byteLength(text) > config.limits.pusher_bytes) throw invalidParam('The pusher is too large')
  await store.transaction(async (tx) => {
    if (!isShared) await tx.push.pushers.deleteOfOthers(userId, appId, pushkey)
    await tx.push.pushers.save({ userId, appId, pushkey, deviceId, pusher: text, createdAt: clock.now() })
    if ((await tx.push.pushers.list(userId)).length > config.limits.pushers_per_user)
      throw forbidden('You have too many pushers')
  })
}

export async function deletePusher(
  { store }: Pick<Context, 'store'>,
  userId: UserId,
  { app_id: appId, pushkey }: Pick<Pusher, 'app_id' | 'pushkey'>,
): Promise<void> {
  await store.push.pushers.delete(userId, appId, pushkey)
}

const required = ['app_display_name', 'device_display_name', 'lang', 'data'] as const

function checkPusher(options: PusherOptions): Pusher {
  const { kind, app_id, pushkey, app_display_name = '', device_display_name = '', lang = '', data = {} } = options
  const missing = required.filter((name) => options[name] === undefined)
  if (missing.length > 0) throw missingParam(`Missing parameters: ${missing.join(', ')}`)
  if (kind !== 'http') throw invalidParam('Only pushers of the kind http are served')
  if (app_id === '' || app_id.length > maxAppIdLength) throw invalidParam('The app id is empty or too long')
  if (pushkey === '' || Buffer.byteLength(pushkey) > maxPushkeyBytes)
    throw invalidParam('The push key is empty or too long')
  if (`${app_id}${pushkey}`.includes('\0')) throw invalidParam('The app id and push key must not hold U+0000')
  checkGateway(data.url)
  const profile = options.profile_tag === undefined ? {} : { profile_tag: options.profile_tag }
  return { kind, app_id, pushkey, app_display_name, device_display_name, lang, data, ...profile }
}

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset */
function checkGateway(text: unknown): void {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url?.protocol !== 'https:' || url.pathname !== '/_matrix/push/v1/notify')
    throw invalidParam('data.url must be an https URL with the path /_matrix/push/v1/notify')
}
