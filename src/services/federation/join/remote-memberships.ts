import type { Context } from '#context.ts'
import type { RemoteMembership } from '#services/rooms/membership/remote-membership.ts'
import { findRemoteAlias } from './find-remote-alias.ts'
import { inviteRemotely } from './remote-invite.ts'
import { joinRemotely } from './remote-join.ts'
import { knockRemotely } from './remote-knock.ts'
import { leaveRemotely } from './remote-leave.ts'

/** Changes of membership through other servers; the context, which holds this, is there once it is used. */
export const remoteMemberships = (ctx: () => Context): RemoteMembership => ({
  join: (entry) => joinRemotely(ctx(), entry),
  knock: (entry) => knockRemotely(ctx(), entry),
  leave: (leave) => leaveRemotely(ctx(), leave),
  invite: (invite) => inviteRemotely(ctx(), invite),
  findAlias: (alias) => findRemoteAlias(ctx(), alias),
})
