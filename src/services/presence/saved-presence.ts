import { inSlices } from '#base/in-slices.ts'
import type { Context } from '#context.ts'
import type { UserId } from '#protocol/ids.ts'
import type { StoredPresence } from '#store/presences.ts'

type Needs = Pick<Context, 'store' | 'presence' | 'locks'>

/** So many rows are written by one statement. */
const savedAtOnce = 500

/** Reads the presence of a user that is not in memory. */
export async function recallPresence(
  { store, presence }: Pick<Context, 'store' | 'presence'>,
  userId: UserId,
): Promise<void> {
  if (presence.has(userId)) return
  const saved = await store.presences.find(userId)
  if (saved) presence.restore([saved])
}

/** Saves what changed; changes in quick succession are saved together. */
export async function savePresenceSoon(ctx: Needs): Promise<void> {
  if (ctx.presence.unsaved.size > 0) await ctx.presence.announcements.run('saved', () => savePresence(ctx))
}

/** One after the other, so that none overwrites what is newer. */
export function savePresence({ store, presence, locks }: Needs): Promise<void> {
  return locks.run('presence', async () => {
    const userIds = [...presence.unsaved]
    presence.unsaved.clear()
    try {
      for (const slice of inSlices(presence.saved(userIds), savedAtOnce)) {
        await store.presences.save(slice.filter(saysSomething))
        await store.presences.deleteForUsers(slice.filter((one) => !saysSomething(one)).map(({ userId }) => userId))
      }
    } catch (error) {
      for (const userId of userIds) presence.unsaved.add(userId)
      throw error
    }
  })
}

/** Of users who are not present and never were, nothing is kept. */
const saysSomething = ({ status, activeAt, devices }: StoredPresence): boolean =>
  status !== undefined || activeAt !== undefined || devices.length > 0
