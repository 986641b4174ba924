import { Type } from '@sinclair/typebox'

export const federation = Type.Object(
  {
    enabled: Type.Boolean({ default: true, description: 'Whether other servers are talked to at all.' }),
  },
  { additionalProperties: false, default: {} },
)
