import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { deleteTag as remove, listTags, putTag as put } from '#services/accounts/data/tags.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { requireSelf } from '#api/client/require-self.ts'
import { RoomIdText, UserIdText } from '#api/ids.ts'

const path = '/_matrix/client/v3/user/:userId/rooms/:roomId/tags'
const Room = Type.Object({ userId: UserIdText, roomId: RoomIdText })
const Tag = Type.Object({ userId: UserIdText, roomId: RoomIdText, tag: Type.String() })

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidtags */
export const getTags = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  params: Room,
  reply: Type.Object({ tags: JsonBody }),
  summary: 'Lists the tags the user put on a room.',
  spec: 'client-server-api/#get_matrixclientv3useruseridroomsroomidtags',
  async handle(ctx, { params }, requester) {
    requireSelf(requester, params.userId)
    return { tags: await listTags(ctx, params) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidtagstag */
export const putTag = endpoint({
  method: 'PUT',
  path: `${path}/:tag`,
  auth: 'user',
  params: Tag,
  body: JsonBody,
  reply: Type.Object({}),
  summary: 'Puts a tag on a room.',
  spec: 'client-server-api/#put_matrixclientv3useruseridroomsroomidtagstag',
  async handle(ctx, { params: { tag: name, ...room }, body }, requester) {
    requireSelf(requester, room.userId)
    await put(ctx, room, { name, tag: body })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3useruseridroomsroomidtagstag */
export const deleteTag = endpoint({
  method: 'DELETE',
  path: `${path}/:tag`,
  auth: 'user',
  params: Tag,
  reply: Type.Object({}),
  summary: 'Takes a tag off a room.',
  spec: 'client-server-api/#delete_matrixclientv3useruseridroomsroomidtagstag',
  async handle(ctx, { params: { tag, ...room } }, requester) {
    requireSelf(requester, room.userId)
    await remove(ctx, room, tag)
    return {}
  },
})

export const tags = [getTags, putTag, deleteTag]
