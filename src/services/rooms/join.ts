import { appendEvents } from './append.ts'
import { joinAuthority } from './authorise-join.ts'
import { inheritSettings } from './inherit-settings.ts'
import { memberContent } from './member-content.ts'
import type { MembershipNeeds } from './membership-needs.ts'
import { nextMembership } from './next-state.ts'

export type Join = { roomId: string; userId: string; reason?: string | undefined }

/** Lets a user enter a room of this server; throws M_NOT_FOUND for a room that is not known here. */
export async function joinRoom(ctx: MembershipNeeds, { roomId, userId, reason }: Join): Promise<void> {
  const content = await memberContent(ctx, userId, { membership: 'join', reason })
  const appended = await appendEvents(ctx, roomId, async (line) => {
    // Who is in already stays in as they are: the event may say more than a join would.
    if ((await nextMembership(ctx, line, userId)) === 'join') return []
    const authority = await joinAuthority(ctx, line, userId)
    return [{ type: 'm.room.member', stateKey: userId, sender: userId, content: { ...content, ...authority } }]
  })
  if (appended.length > 0) await inheritSettings(ctx, { roomId, userId })
}
