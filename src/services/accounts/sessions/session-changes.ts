import { sessionsChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'

/** Drops the user's cached sessions in every process: after any change of tokens, devices or account. */
export function announceSessions(ctx: Pick<Context, 'bus' | 'sessions'>, userId: UserId): void {
  ctx.sessions.forget(userId)
  ctx.bus.publish(sessionsChanged, { userId })
}

/** Drops cached sessions after such changes in other processes; the answer stops it. */
export function followSessionChanges({ bus, sessions }: Pick<Context, 'bus' | 'sessions'>): () => void {
  return bus.subscribe(sessionsChanged, ({ userId }) => sessions.forget(userId))
}
