import { accountErased } from '#bus/topics.ts'
import type { Context } from '#context.ts'

/** Takes in who is erased from now on, by whatever process; the answer stops it. */
export const followErasures = ({ bus, erasedUsers }: Pick<Context, 'bus' | 'erasedUsers'>): (() => void) =>
  bus.subscribe(accountErased, ({ userId }) => erasedUsers.add(userId))
