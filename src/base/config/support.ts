import { Type } from '@sinclair/typebox'

const closed = { additionalProperties: false }

const contact = Type.Object(
  {
    role: Type.Union([Type.Literal('m.role.admin'), Type.Literal('m.role.security')], {
      description: 'What the contact is for.',
    }),
    matrix_id: Type.Optional(Type.String({ description: 'Matrix user id of the contact.' })),
    email_address: Type.Optional(Type.String({ description: 'E-mail address of the contact.' })),
  },
  { ...closed, description: 'A contact.' },
)

export const support = Type.Object(
  {
    contacts: Type.Array(contact, {
      default: [],
      description: 'Whom users and other servers may ask; shown at /.well-known/matrix/support.',
    }),
    page: Type.Optional(Type.String({ format: 'uri', description: 'A page about help with this server.' })),
  },
  { ...closed, default: {} },
)
