import type { VerifyKey } from '#protocol/events/signing-key.ts'
import type { ServerName } from '#protocol/ids.ts'

/**
 * A server's key, until when the server says that its keys are valid (`valid_until_ts`), and for an old key when the
 * server stopped using it (`expired_ts`); in milliseconds since the epoch.
 */
export type ServerKey = VerifyKey & { validUntil: number; expiredAt?: number }

/**
 * Finds the key under which a server signs; undefined where it cannot be had. It is asked for every key id that an event
 * names, which may be thousands: a server must not be asked anew for each.
 */
export type FindKey = (server: ServerName, keyId: string) => Promise<ServerKey | undefined>
