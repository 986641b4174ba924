import { crossSigningOf, deviceKeysOf, oneTimeKeysOf } from '../../support/server/device-crypto.ts'
import { readDevice, refreshKeys } from '../read-device.ts'
import { logIn, type Device } from '../world.ts'
import { client, type Act, type Chosen } from './act.ts'

const live = (devices: readonly Device[]): Device[] => devices.filter(({ isGone }) => !isGone)

/** One message, with a number of its own, to each of somebody's devices. */
async function sendToDevices({ user, target, world }: Chosen) {
  const number = world.nextNumber()
  const devices = live(target.devices)
  const messages = Object.fromEntries(devices.map(({ user: { deviceId } }) => [deviceId, { number }]))
  const reply = await user.request('PUT', `${client}/sendToDevice/x.test/t${number}`, {
    messages: { [target.userId]: messages },
  })
  if (reply.status !== 200) return reply
  for (const { expected } of devices) {
    const numbers = expected.get(user.userId)
    if (numbers) numbers.push(number)
    else expected.set(user.userId, [number])
  }
  return reply
}

/** A key of each of somebody's devices. */
async function claim({ user, target, world }: Chosen) {
  const wanted = live(target.devices).map(({ user: { deviceId } }) => [deviceId, 'signed_curve25519'])
  const reply = await user.request('POST', `${client}/keys/claim`, {
    one_time_keys: { [target.userId]: Object.fromEntries(wanted) },
  })
  const claimed = (reply.body.one_time_keys ?? {}) as Record<string, Record<string, object>>
  for (const [userId, devices] of Object.entries(claimed))
    for (const [deviceId, keys] of Object.entries(devices))
      for (const keyId of Object.keys(keys)) world.claimed.push(`${userId} ${deviceId} ${keyId}`)
  return reply
}

export const deviceActs = {
  claim: { weight: 3, run: claim },
  uploadOneTimeKeys: {
    weight: 3,
    run: ({ device, world }) => {
      const first = world.nextNumber() * 10
      return device.user.request('POST', `${client}/keys/upload`, {
        one_time_keys: oneTimeKeysOf(device.user, [first, first + 1, first + 2]),
      })
    },
  },
  toDevice: { weight: 12, run: sendToDevices },
  uploadKeys: {
    weight: 4,
    run: async ({ device }) =>
      device.user.request('POST', `${client}/keys/upload`, { device_keys: deviceKeysOf(device.user) }),
  },
  logIn: {
    weight: 3,
    run: async ({ person }) => {
      if (live(person.devices).length >= 4) return undefined
      const { user } = await logIn(person)
      return user.request('POST', `${client}/keys/upload`, { device_keys: deviceKeysOf(user) })
    },
  },
  logOut: {
    weight: 2,
    run: async ({ person, device }) => {
      if (device === person.devices[0]) return undefined
      device.isGone = true
      return device.user.request('POST', `${client}/logout`, {})
    },
  },
  nameDevice: {
    weight: 2,
    run: ({ device, world }) =>
      device.user.request('PUT', `${client}/devices/${device.user.deviceId}`, {
        display_name: `device ${world.nextNumber()}`,
      }),
  },
  crossSign: {
    weight: 2,
    run: async ({ user, choice }) => {
      // A new identity in the place of one that is there needs a password.
      const { body } = crossSigningOf(user.userId)
      return choice > 5 ? undefined : user.request('POST', `${client}/keys/device_signing/upload`, body)
    },
  },
  readDevice: {
    weight: 8,
    run: async ({ device }) => readDevice(device),
  },
  queryKeys: {
    weight: 6,
    run: async ({ person, world }) => {
      await readDevice(person.devices[0]!)
      return refreshKeys(person.devices[0]!, world)
    },
  },
} satisfies Record<string, Act>
