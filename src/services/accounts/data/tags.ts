import { badJson } from '#base/errors.ts'
import { accountDataChanged } from '#bus/topics.ts'
import type { Context } from '#context.ts'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { lockAccountData, writeAccountData } from './account-data.ts'
import type { RoomId, UserId } from '#protocol/ids.ts'

/** A tag's name has a limit of its own; all tags of a room share that of account data. */
const maxNameBytes = 255

/** A room of a user, whose tags are meant. */
export type TaggedRoom = { userId: UserId; roomId: RoomId }

/** The tags of a room by name. https://spec.matrix.org/v1.19/client-server-api/#room-tagging */
export async function listTags({ store }: Pick<Context, 'store'>, room: TaggedRoom): Promise<JsonObject> {
  return tagsIn(await store.accounts.accountData.find({ ...room, type: 'm.tag' }))
}

export async function putTag(
  ctx: Pick<Context, 'store' | 'bus' | 'config'>,
  room: TaggedRoom,
  { name, tag }: { name: string; tag: JsonObject },
): Promise<void> {
  if (Buffer.byteLength(name) > maxNameBytes || !name.isWellFormed()) throw badJson('The name of the tag is too long')
  await changeTags(ctx, room, (tags) => ({ ...without(tags, name), [name]: tag }))
}

/** Deleting an absent tag succeeds. */
export async function deleteTag(
  ctx: Pick<Context, 'store' | 'bus' | 'config'>,
  room: TaggedRoom,
  name: string,
): Promise<void> {
  await changeTags(ctx, room, (tags) => (Object.hasOwn(tags, name) ? without(tags, name) : undefined))
}

/** Reads and writes in one transaction; `change` answers undefined to change nothing. */
async function changeTags(
  { store, bus, config }: Pick<Context, 'store' | 'bus' | 'config'>,
  room: TaggedRoom,
  change: (tags: JsonObject) => JsonObject | undefined,
): Promise<void> {
  const isChanged = await store.transaction(async (tx) => {
    await lockAccountData(tx)
    const tags = change(tagsIn(await tx.accounts.accountData.find({ ...room, type: 'm.tag' })))
    if (tags) await writeAccountData(tx, config.limits, { ...room, type: 'm.tag', content: { tags } })
    return tags !== undefined
  })
  if (isChanged)
    bus.publish(accountDataChanged, { userId: room.userId, changes: [{ roomId: room.roomId, type: 'm.tag' }] })
}

function tagsIn(stored: string | undefined): JsonObject {
  const tags = stored === undefined ? undefined : (JSON.parse(stored) as JsonObject).tags
  return isObject(tags) ? tags : {}
}

/** Not by assignment: a tag may be called `__proto__`. */
const without = (tags: JsonObject, name: string): JsonObject =>
  Object.fromEntries(Object.entries(tags).filter(([key]) => key !== name))
