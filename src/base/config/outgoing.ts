import { Type } from '@sinclair/typebox'

export const outgoing = Type.Object(
  {
    allowed_networks: Type.Array(Type.String(), {
      default: [],
      maxItems: 1000,
      description:
        'Addresses or CIDR ranges that are no public ones and that this server may connect to all the same, whoever names them.',
    }),
    ca_files: Type.Array(Type.String({ minLength: 1 }), {
      default: [],
      maxItems: 100,
      description: 'Files of certificate authorities in PEM that are trusted besides those that Node brings.',
    }),
  },
  { additionalProperties: false, default: {} },
)
