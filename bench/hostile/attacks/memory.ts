import { inParallel } from '../../support/statistics.ts'
import { client, fillAccount, repeat, type Attack } from '../attack.ts'

/** What makes the server hold or write much. */
export const memoryAttacks: Attack[] = [
  {
    name: 'N21 account data',
    summary: '100 objects of 1 MB, then eight initial syncs at once',
    async run(field) {
      const user = await field.target.newUser()
      await fillAccount(field, user, 100)
      await repeat(field, { times: 8, atOnce: 8 }, () => user.attempt('GET', `${client}/sync`))
    },
  },
  {
    name: 'N21 key backup',
    summary: '80 backed-up sessions of 1 MB, then eight times all of them',
    async run(field) {
      const user = await field.target.newUser()
      const backup = { algorithm: 'm.megolm_backup.v1.curve25519-aes-sha2', auth_data: { public_key: 'a' } }
      const made = await user.attempt('POST', `${client}/room_keys/version`, backup)
      const version = String(made.body['version'])
      const session = {
        first_message_index: 0,
        forwarded_count: 0,
        is_verified: false,
        session_data: { ciphertext: 'a'.repeat(1_000_000) },
      }
      await repeat(field, { times: 80, atOnce: 2 }, (turn) =>
        user.attempt('PUT', `${client}/room_keys/keys/!r:bench/s${turn}?version=${version}`, session),
      )
      const all = `${client}/room_keys/keys?version=${version}`
      await repeat(field, { times: 8, atOnce: 8 }, () => user.attempt('GET', all))
    },
  },
  {
    name: 'N23 heavy rooms',
    summary: '100 rooms of 50 messages of 60 kB, read three times',
    // It is memory that is attacked here; limits would only make it take longer.
    settings: { MYELIN_RATE_LIMITS_ENABLED: 'false' },
    async run(field) {
      const user = await field.target.newUser()
      const text = 'a'.repeat(60_000)
      await inParallel(Array.from({ length: 100 }), 4, async () => {
        if (field.signal.aborted) return
        const roomId = await user.createRoom()
        await repeat(field, { times: 50, atOnce: 4 }, () => user.send(roomId, text))
      })
      const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: 50 } } }))
      await repeat(field, { times: 3, atOnce: 1 }, () => user.attempt('GET', `${client}/sync?filter=${filter}`))
    },
  },
  {
    name: 'N25 interactive sessions',
    summary: '300 times /delete_devices with 1 MB, none of them finished',
    maxDiskMb: 32,
    async run(field) {
      const user = await field.target.newUser()
      const body = { devices: Array.from({ length: 10 }, (_, number) => `${number}`.repeat(100_000)) }
      await repeat(field, { times: 300, atOnce: 4 }, () => user.attempt('POST', `${client}/delete_devices`, body))
    },
  },
  {
    name: 'N31 waiting messages',
    summary: '10,000 to-device messages to one device as fast as the server lets',
    async run(field) {
      const [user, victim] = [await field.target.newUser(), await field.target.newUser()]
      const body = { messages: { [victim.userId]: { '*': { text: 'a'.repeat(100) } } } }
      await repeat(field, { times: 10_000, atOnce: 4 }, (turn) =>
        user.attempt('PUT', `${client}/sendToDevice/m.x/${turn}`, body),
      )
    },
  },
]
