import { Type } from '@sinclair/typebox'
import { invalidParam } from '#base/errors.ts'
import { endpoint } from '#http/endpoint.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { createBackup, deleteBackup, findBackup, updateBackup } from '#services/e2ee/key-backup.ts'
import { JsonBody } from '#api/client/json-object.ts'

const Version = Type.Object({ version: Type.String() })
const Settings = Type.Object({ algorithm: Type.String(), auth_data: JsonBody })
const Backup = Type.Object({
  ...Settings.properties,
  count: Type.Integer(),
  etag: Type.String(),
  version: Type.String(),
})

type StoredBackup = Awaited<ReturnType<typeof findBackup>>

const backupReply = (backup: StoredBackup) => ({
  algorithm: backup.algorithm,
  auth_data: JSON.parse(backup.authData) as JsonObject,
  count: backup.keyCount,
  etag: String(backup.etag),
  version: String(backup.version),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3room_keysversion */
export const postBackupVersion = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/room_keys/version',
  auth: 'user',
  limit: 'keys',
  maxBody: 'medium',
  body: Settings,
  reply: Version,
  summary: 'Starts a new key backup.',
  spec: 'client-server-api/#post_matrixclientv3room_keysversion',
  async handle(ctx, { body }, { userId }) {
    const version = await createBackup(ctx, userId, { algorithm: body.algorithm, authData: body.auth_data })
    return { version: String(version) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion */
export const getCurrentBackup = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/room_keys/version',
  auth: 'user',
  reply: Backup,
  summary: 'Describes the current key backup.',
  spec: 'client-server-api/#get_matrixclientv3room_keysversion',
  async handle(ctx, _received, { userId }) {
    return backupReply(await findBackup(ctx, userId))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversionversion */
export const getBackupVersion = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/room_keys/version/:version',
  auth: 'user',
  params: Version,
  reply: Backup,
  summary: 'Describes a key backup.',
  spec: 'client-server-api/#get_matrixclientv3room_keysversionversion',
  async handle(ctx, { params }, { userId }) {
    return backupReply(await findBackup(ctx, userId, params.version))
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keysversionversion */
export const putBackupVersion = endpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/room_keys/version/:version',
  auth: 'user',
  limit: 'keys',
  maxBody: 'medium',
  params: Version,
  body: Type.Object({ ...Settings.properties, version: Type.Optional(Type.String()) }),
  reply: Type.Object({}),
  summary: 'Changes what a key backup says of itself.',
  spec: 'client-server-api/#put_matrixclientv3room_keysversionversion',
  async handle(ctx, { params: { version }, body }, { userId }) {
    if ((body.version ?? version) !== version)
      throw invalidParam('The version of the body is another than that of the path')
    await updateBackup(ctx, userId, { version, algorithm: body.algorithm, authData: body.auth_data })
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keysversionversion */
export const deleteBackupVersion = endpoint({
  method: 'DELETE',
  path: '/_matrix/client/v3/room_keys/version/:version',
  auth: 'user',
  limit: 'keys',
  params: Version,
  reply: Type.Object({}),
  summary: 'Deletes a key backup with its keys.',
  spec: 'client-server-api/#delete_matrixclientv3room_keysversionversion',
  async handle(ctx, { params }, { userId }) {
    await deleteBackup(ctx, userId, params.version)
    return {}
  },
})

export const keyBackup = [postBackupVersion, getCurrentBackup, getBackupVersion, putBackupVersion, deleteBackupVersion]
