import type { UserId } from '#protocol/ids.ts'
import type { TestReply } from '../support/server/client.ts'
import type { Synced } from '../support/server/sync.ts'
import { client } from './acts/act.ts'
import { actingUser, type Device, type KnownKeys, type Person, type World } from './world.ts'

/** The device reads what was sent to it, and whose keys are others now. */
export async function readDevice(device: Device): Promise<TestReply> {
  const { user, since, received, keys } = device
  const query = new URLSearchParams({ timeout: '0', set_presence: 'offline', ...(since !== undefined && { since }) })
  const reply = await user.request('GET', `${client}/sync?${query.toString()}`)
  if (reply.status !== 200) return reply
  const { next_batch, to_device: inbox, device_lists: lists } = reply.body as Partial<Synced>
  device.since = next_batch
  for (const { sender, content } of inbox?.events ?? []) {
    const numbers = received.get(sender)
    if (numbers) numbers.push(content['number'] as number)
    else received.set(sender, [content['number'] as number])
  }
  for (const userId of [...(lists?.changed ?? []), ...(lists?.left ?? [])]) keys.delete(userId as UserId)
  return reply
}

/** A client asks for the keys that it does not have, or of which it knows that they are others now. */
export async function refreshKeys({ user, keys }: Device, { people }: World): Promise<TestReply | undefined> {
  const wanted = people.flatMap(({ userId }) => (keys.has(userId) ? [] : [userId]))
  if (wanted.length === 0) return undefined
  const reply = await user.request('POST', `${client}/keys/query`, {
    device_keys: Object.fromEntries(wanted.map((userId) => [userId, []])),
  })
  if (reply.status !== 200) return reply
  const unreached = new Set(Object.keys(reply.body.failures ?? {}))
  for (const userId of wanted)
    if (!unreached.has(userId.slice(userId.indexOf(':') + 1))) keys.set(userId, keysIn(reply.body, userId))
  return reply
}

/** What a person's own server says of them. */
export async function ownKeys(person: Person): Promise<KnownKeys> {
  const { body } = await actingUser(person).request('POST', `${client}/keys/query`, {
    device_keys: { [person.userId]: [] },
  })
  return keysIn(body, person.userId)
}

function keysIn(body: TestReply['body'], userId: UserId): KnownKeys {
  return {
    devices: body.device_keys?.[userId] ?? {},
    master: withoutSignatures(body.master_keys?.[userId]),
    selfSigning: withoutSignatures(body.self_signing_keys?.[userId]),
  }
}

/** Signatures by those who look on are theirs alone. */
function withoutSignatures(key: Record<string, unknown> | undefined): unknown {
  const { signatures: _signatures, ...rest } = key ?? {}
  return rest
}
