import { forbidden } from '#base/errors.ts'
import type { UserRequester } from '#http/requester.ts'
import type { UserId } from '#protocol/ids.ts'

/** Refuses access to the resources of another user. */
export function requireSelf(requester: Pick<UserRequester, 'userId'>, userId: UserId): void {
  if (requester.userId !== userId) throw forbidden('This belongs to another user')
}
