import type { Context } from '#context.ts'
import { isObject, type JsonObject, type JsonValue } from '#protocol/events/event.ts'
import { isValidUserId, serverOf, type ServerName } from '#protocol/ids.ts'
import { hearPresences } from '#services/presence/presence.ts'
import type { RemotePresence } from '#services/presence/remote-presences.ts'

/** Of one EDU. */
const maxPresences = 200
/** Longer ones are cut, as those of users here are refused. */
const maxStatusLength = 1000

/** https://spec.matrix.org/v1.19/server-server-api/#presence */
export async function receivePresences(
  ctx: Context,
  { origin, content: { push } }: { origin: ServerName; content: JsonObject },
): Promise<void> {
  if (!Array.isArray(push)) return
  const now = ctx.clock.now()
  await hearPresences(
    ctx,
    push.slice(0, maxPresences).flatMap((one) => readPresence(one, { origin, now })),
  )
}

function readPresence(one: JsonValue, { origin, now }: { origin: ServerName; now: number }): RemotePresence[] {
  if (!isObject(one)) return []
  const { user_id: userId, presence: state, status_msg: status, last_active_ago: ago, currently_active: isActive } = one
  if (typeof userId !== 'string' || !isValidUserId(userId) || serverOf(userId) !== origin) return []
  if (state !== 'online' && state !== 'unavailable' && state !== 'offline') return []
  const isKnown = typeof ago === 'number' && Number.isSafeInteger(ago) && ago >= 0
  return [
    {
      userId,
      state,
      status: typeof status === 'string' && status !== '' ? status.slice(0, maxStatusLength) : undefined,
      activeAt: isKnown ? Math.max(0, now - ago) : undefined,
      isActive: isActive === true,
    },
  ]
}
