import { forbidden } from '#base/errors.ts'
import type { UserRequester } from '#http/requester.ts'

/** Refuses to touch what belongs to another user. */
export function requireSelf(requester: Pick<UserRequester, 'userId'>, userId: string): void {
  if (requester.userId !== userId) throw forbidden('This belongs to another user')
}
