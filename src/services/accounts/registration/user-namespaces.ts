import type { UserId } from '#protocol/ids.ts'
/** Which user ids application services keep for themselves. */
export type UserNamespaces = {
  /** Id of the application service that alone may register the user id. */
  exclusiveOwner(userId: UserId): string | undefined
  /** Whether the application service may act as the user. */
  mayActAs(appserviceId: string, userId: UserId): boolean
}

/** For a server without application services. */
export const noNamespaces: UserNamespaces = { exclusiveOwner: () => undefined, mayActAs: () => false }
