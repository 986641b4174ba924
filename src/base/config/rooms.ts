import { Type } from '@sinclair/typebox'

export const rooms = Type.Object(
  {
    default_version: Type.Unsafe<string>({
      type: 'string',
      enum: ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'],
      default: '12',
      description: 'Room version of new rooms when the client names none.',
    }),
  },
  { additionalProperties: false, default: {} },
)
