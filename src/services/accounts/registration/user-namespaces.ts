import type { UserId } from '#protocol/ids.ts'
/** The exclusive user namespaces of application services. */
export type UserNamespaces = {
  /** Whether there is any application service. */
  hasAny: boolean
  /** Id of the application service that alone may register the user id. */
  exclusiveOwner(userId: UserId): string | undefined
  /** Whether the application service may act as the user. */
  mayActAs(appserviceId: string, userId: UserId): boolean
}

/** For a server without application services. */
export const noNamespaces: UserNamespaces = {
  hasAny: false,
  exclusiveOwner: () => undefined,
  mayActAs: () => false,
}
