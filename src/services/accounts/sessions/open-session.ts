import type { Context, Transaction } from '#context.ts'
import { forbidden } from '#base/errors.ts'
import { checkDeviceId, checkDeviceName } from './device-names.ts'
import { issueTokens, type IssuedTokens } from './issue-tokens.ts'
import type { UserId } from '#protocol/ids.ts'

type Needs = Pick<Context, 'config' | 'clock' | 'tokens'>

/** The options of a login or registration that concern its device. */
export type SessionOptions = {
  deviceId: string | undefined
  /** The name of a new device; an existing one keeps its name. */
  displayName: string | undefined
  /** Whether the client can refresh access tokens. */
  refreshable: boolean
}

export type OpenedSession = IssuedTokens & { userId: UserId; deviceId: string }

/** Refuses invalid options before any authentication. */
export function checkSessionOptions({ deviceId, displayName }: SessionOptions): void {
  if (deviceId !== undefined) checkDeviceId(deviceId)
  if (displayName !== undefined) checkDeviceName(displayName)
}

/**
 * Makes tokens for a new or existing device. The previous tokens of an existing one end; its keys stay until the client
 * uploads others.
 */
export async function openSession(
  ctx: Needs,
  tx: Transaction,
  { userId, deviceId = ctx.tokens.letters(10), displayName, refreshable }: SessionOptions & { userId: UserId },
): Promise<OpenedSession> {
  const isNew = await addDevice(ctx, tx, { userId, deviceId, displayName })
  if (!isNew) await tx.e2ee.deviceKeys.setFormer(userId, deviceId, true)
  await tx.accounts.accessTokens.deleteForDevices(userId, [deviceId])
  await tx.accounts.refreshTokens.deleteForDevices(userId, [deviceId])
  await tx.accounts.openidTokens.deleteForDevices(userId, [deviceId])
  return { userId, deviceId, ...(await issueTokens(ctx, tx, { userId, deviceId, refreshable })) }
}

/** True when the device is new; refuses more devices than an account may have. */
export async function addDevice(
  ctx: Pick<Context, 'config' | 'clock'>,
  tx: Transaction,
  device: { userId: UserId; deviceId: string; displayName: string | undefined },
): Promise<boolean> {
  const isNew = await tx.accounts.devices.insert({ ...device, createdAt: ctx.clock.now() })
  if (isNew && (await tx.accounts.devices.count(device.userId)) > ctx.config.limits.devices_per_user)
    throw forbidden('The account has too many devices: log out of some first')
  return isNew
}
