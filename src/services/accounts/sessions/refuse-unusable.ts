import type { Context } from '#context.ts'
import { MatrixError, userDeactivated } from '#base/errors.ts'

type Account = NonNullable<Awaited<ReturnType<Context['store']['accounts']['accounts']['find']>>>

/** 401 with `soft_logout`: the account may be unlocked. https://spec.matrix.org/v1.19/client-server-api/#account-locking */
export const userLocked = (): MatrixError =>
  new MatrixError(401, 'M_USER_LOCKED', 'This account has been locked', { fields: { soft_logout: true } })

/** Refuses accounts that may not get new sessions, whatever the authentication. */
export function refuseUnusable(account: Pick<Account, 'deactivatedAt' | 'isLocked'>): void {
  if (account.deactivatedAt !== undefined) throw userDeactivated()
  if (account.isLocked) throw userLocked()
}

/** Refuses what a suspended user may not do. https://spec.matrix.org/v1.19/client-server-api/#account-suspension */
export function refuseSuspended({ isSuspended }: { isSuspended: boolean }): void {
  if (isSuspended) throw new MatrixError(403, 'M_USER_SUSPENDED', 'A suspended account may not do this')
}
