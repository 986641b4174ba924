import { notFound } from '#base/errors.ts'
import type { RemoteMembership } from '#services/rooms/membership/remote-membership.ts'

const refuse = () => Promise.reject(notFound('There is no other server'))

/** The only server there is. */
export const alone: RemoteMembership = {
  join: refuse,
  knock: refuse,
  leave: refuse,
  invite: refuse,
  findAlias: async () => undefined,
}
