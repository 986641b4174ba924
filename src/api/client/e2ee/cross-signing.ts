import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { uploadCrossSigningKeys } from '#services/e2ee/cross-signing.ts'
import { uploadSignatures } from '#services/e2ee/upload-signatures.ts'
import { JsonBody } from '#api/client/json-object.ts'
import { UserIdText } from '#api/ids.ts'

const CrossSigningKey = Type.Object({
  user_id: UserIdText,
  usage: Type.Array(Type.String()),
  keys: Type.Record(Type.String(), Type.String(), { minProperties: 1, maxProperties: 1 }),
  signatures: Type.Optional(Type.Record(Type.String(), Type.Record(Type.String(), Type.String()))),
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysdevice_signingupload */
export const postDeviceSigningUpload = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/keys/device_signing/upload',
  auth: 'user',
  limit: 'keys',
  body: Type.Object({
    master_key: Type.Optional(CrossSigningKey),
    self_signing_key: Type.Optional(CrossSigningKey),
    user_signing_key: Type.Optional(CrossSigningKey),
    auth: Type.Optional(JsonBody),
  }),
  reply: Type.Object({}),
  summary: "Publishes the user's cross-signing keys.",
  spec: 'client-server-api/#post_matrixclientv3keysdevice_signingupload',
  async handle(ctx, { body }, requester) {
    await uploadCrossSigningKeys(ctx, requester, body)
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keyssignaturesupload */
export const postSignaturesUpload = endpoint({
  method: 'POST',
  path: '/_matrix/client/v3/keys/signatures/upload',
  auth: 'user',
  limit: 'keys',
  body: Type.Record(Type.String(), Type.Record(Type.String(), JsonBody)),
  reply: Type.Object({ failures: Type.Record(Type.String(), Type.Record(Type.String(), JsonBody)) }),
  summary: 'Publishes signatures on devices and on master keys.',
  spec: 'client-server-api/#post_matrixclientv3keyssignaturesupload',
  async handle(ctx, { body }, { userId }) {
    return { failures: await uploadSignatures(ctx, userId, body) }
  },
})

export const crossSigning = [postDeviceSigningUpload, postSignaturesUpload]
