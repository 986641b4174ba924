import { client, repeat, type Attack } from '../attack.ts'

const numbered = (count: number, name: (number: number) => string, value: unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, number) => [name(number), value]))

const ofManyUsers = (value: unknown) => numbered(22_000, (number) => `@u${number}:bench`, value)

/** Requests that make the server work much for little. */
export const workAttacks: Attack[] = [
  {
    name: 'N17 push rules',
    summary: '200 push rules of 248 characters with wildcards, ten messages of 60 kB, one sync',
    async run(field) {
      const [reader, writer] = [await field.target.newUser(), await field.target.newUser()]
      const roomId = await writer.createRoom()
      await reader.join(roomId)
      const { body } = await reader.sync({ timeout: '0' })
      await repeat(field, { times: 200, atOnce: 8 }, (turn) =>
        reader.attempt('PUT', `${client}/pushrules/global/content/rule${turn}`, {
          pattern: `${'a*'.repeat(122)}b${turn}`.slice(-248),
          actions: ['notify'],
        }),
      )
      for (let turn = 0; turn < 10; turn++) await writer.send(roomId, 'a'.repeat(60_000))
      await reader.sync({ timeout: '0', since: String(body['next_batch']) })
    },
  },
  {
    name: 'N19 signatures',
    summary: '/keys/signatures/upload with 80,000 entries, 20 times',
    async run(field) {
      const user = await field.target.newUser()
      const body = { [user.userId]: numbered(80_000, (number) => `k${number}`, {}) }
      await repeat(field, { times: 20, atOnce: 4 }, () =>
        user.attempt('POST', `${client}/keys/signatures/upload`, body),
      )
    },
  },
  {
    name: 'N19 key query',
    summary: '/keys/query of 22,000 users, 40 times',
    async run(field) {
      const user = await field.target.newUser()
      const body = { device_keys: ofManyUsers([]) }
      await repeat(field, { times: 40, atOnce: 4 }, () => user.attempt('POST', `${client}/keys/query`, body))
    },
  },
  {
    name: 'N19 to-device',
    summary: 'to-device messages for 22,000 users, 40 times',
    async run(field) {
      const user = await field.target.newUser()
      const body = { messages: ofManyUsers({ D: {} }) }
      await repeat(field, { times: 40, atOnce: 4 }, (turn) =>
        user.attempt('PUT', `${client}/sendToDevice/m.x/${turn}`, body),
      )
    },
  },
]
