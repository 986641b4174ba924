import { sessionsChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'

/** Makes every process forget what it knows of the user's tokens: after any change of tokens, devices or account. */
export function announceSessions(ctx: Pick<Context, 'bus' | 'sessions'>, userId: UserId): void {
  ctx.sessions.forget(userId)
  ctx.bus.publish(sessionsChanged, { userId })
}

/** Follows such changes in other processes; the answer stops it. */
export function followSessionChanges({ bus, sessions }: Pick<Context, 'bus' | 'sessions'>): () => void {
  return bus.subscribe(sessionsChanged, ({ userId }) => sessions.forget(userId))
}
