import { tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'

/** User ids to the devices that a request names. */
export type Named = { users: number; devices: number }

/** Refuses requests that name more users or devices than one request may. */
export function requireBounded({ config }: Pick<Context, 'config'>, { users, devices }: Named): void {
  const { key_users_per_request: mostUsers, key_devices_per_request: mostDevices } = config.limits
  if (users > mostUsers) throw tooLarge(`One request may name ${mostUsers} users`)
  if (devices > mostDevices) throw tooLarge(`One request may name ${mostDevices} devices`)
}
