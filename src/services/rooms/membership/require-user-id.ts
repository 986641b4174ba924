import { invalidParam } from '#base/errors.ts'
import { isValidUserId, type UserId } from '#protocol/ids.ts'

/** Refuses malformed user ids. */
export function requireUserId(userId: string): UserId {
  if (!isValidUserId(userId)) throw invalidParam('That is no user id')
  return userId
}
