import type { Context } from '#context.ts'
import { invalidParam, weakPassword } from '#base/errors.ts'

const maxLength = 512

/** Refuses passwords that are too short, or longer than the hash function should be given. */
export function checkPassword({ config }: Pick<Context, 'config'>, password: string): void {
  if (password.length > maxLength) throw invalidParam(`A password has at most ${maxLength} characters`)
  const shortest = config.accounts.password_min_length
  if (password.length < shortest) throw weakPassword(`A password has at least ${shortest} characters`)
}
