import { invalidParam } from '#base/errors.ts'

/** A token for just after a position: paging backwards from it returns that event first. */
export const writePosition = (position: number): string => `t${position}`

/** The position of a token of ours or of /sync. Throws M_INVALID_PARAM for anything else. */
export function parsePosition(token: string): number {
  const match = /^(?:t(\d{1,15})|s(\d{1,15})(?:_[\w.~-]*)?)$/.exec(token)
  if (!match) throw invalidParam('The token is not one of this server')
  return Number(match[1] ?? match[2])
}
