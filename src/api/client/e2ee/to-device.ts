import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { sendToDevice } from '#services/e2ee/to-device.ts'
import { ByUser } from '#api/ids.ts'
import { entriesByUser } from '#protocol/ids.ts'
import { JsonBody } from '#api/client/json-object.ts'

const Name = Type.String({ minLength: 1, maxLength: 255 })

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid */
export const putSendToDevice = endpoint({
  method: 'PUT',
  path: '/_matrix/client/v3/sendToDevice/:eventType/:txnId',
  auth: 'user',
  limit: 'keys',
  params: Type.Object({ eventType: Name, txnId: Name }),
  body: Type.Object({
    messages: ByUser(Type.Record(Type.String(), JsonBody)),
  }),
  reply: Type.Object({}),
  summary: 'Sends a message to devices, outside of any room.',
  spec: 'client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid',
  async handle(ctx, { params, body }, { userId, deviceId = '' }) {
    await sendToDevice(ctx, {
      sender: userId,
      deviceId,
      transactionId: params.txnId,
      type: params.eventType,
      messages: entriesByUser(body.messages).map(([target, contents]) => ({ userId: target, contents })),
    })
    return {}
  },
})

export const toDevice = [putSendToDevice]
