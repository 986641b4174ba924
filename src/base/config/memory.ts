import { Type } from '@sinclair/typebox'

export const memory = Type.Object(
  {
    cache_bytes: Type.Integer({
      default: 33_554_432,
      minimum: 1_048_576,
      description:
        'Memory that all caches together may take, in bytes: rooms, their recent events, lists of rooms, sessions, push rules. More saves reads of the database.',
    }),
  },
  { additionalProperties: false, default: {} },
)
