import type { Context } from '#context.ts'
import { serverOf, type UserId } from '#protocol/ids.ts'

/** Whether the user's account is on another server. */
export const isRemoteUser = ({ config }: Pick<Context, 'config'>, userId: UserId): boolean =>
  serverOf(userId) !== config.server_name
