import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Answer } from '../../support/http-client.ts'
import { inParallel } from '../../support/statistics.ts'
import type { User } from '../../support/user.ts'
import { client, repeat, type Attack, type Field } from '../attack.ts'

/** The burst of the bucket, and what it fills by while the attack lasts. */
const maxInvites = 100

async function readOn({ signal }: Field, user: User): Promise<void> {
  let since = ''
  while (!signal.aborted) {
    const path = `${client}/sync?timeout=1000${since && `&since=${since}`}`
    const { body } = await user.attempt('GET', path)
    since = String(body['next_batch'] ?? '')
  }
}

/** Ordinary requests, too many of them. */
export const rateAttacks: Attack[] = [
  {
    name: 'N18 full log disk',
    summary: 'standard output takes nothing, and 300 requests are refused',
    hasFullOutput: true,
    settings: { MYELIN_LOGGING_LEVEL: 'debug' },
    run: (field) =>
      repeat(field, { times: 300, atOnce: 4 }, (turn) =>
        field.target.http.ask({ method: 'GET', path: `${client}/account/whoami`, token: `wrong${turn}` }),
      ),
  },
  {
    name: 'N26 second process',
    summary: 'another server on the same data; it must refuse to start',
    run: secondProcess,
  },
  {
    name: 'N27 typing',
    summary: '50 changes of typing a second in a room with 40 readers',
    async run(field) {
      const readers: User[] = []
      await inParallel(Array.from({ length: 40 }), 8, async () => void readers.push(await field.target.newUser()))
      const roomId = await readers[0]!.createRoom()
      for (const reader of readers.slice(1)) await reader.join(roomId)
      const reading = readers.map((reader) => readOn(field, reader))
      for (let turn = 0; turn < 5000 && !field.signal.aborted; turn++) {
        const user = readers[turn % 20]!
        const path = `${client}/rooms/${encodeURIComponent(roomId)}/typing/${encodeURIComponent(user.userId)}`
        const body = { typing: Math.floor(turn / 20) % 2 === 0, timeout: 30_000 }
        void user.attempt('PUT', path, body).catch(() => {})
        await sleep(20)
      }
      await Promise.allSettled(reading)
    },
  },
  {
    name: 'N28 invites',
    summary: 'invites by state events and by creating rooms, 3,000 in all',
    async run(field) {
      const user = await field.target.newUser()
      const roomId = await user.createRoom()
      let accepted = 0
      const count = ({ status }: Answer, invites: number) => void (accepted += status === 200 ? invites : 0)
      const state = `${client}/rooms/${encodeURIComponent(roomId)}/state/m.room.member`
      await repeat(field, { times: 1000, atOnce: 4 }, async (turn) =>
        count(
          await user.attempt('PUT', `${state}/${encodeURIComponent(`@i${turn}:bench`)}`, { membership: 'invite' }),
          1,
        ),
      )
      const invite = Array.from({ length: 100 }, (_, number) => `@j${number}:bench`)
      await repeat(field, { times: 20, atOnce: 4 }, async () =>
        count(await user.attempt('POST', `${client}/createRoom`, { invite }), invite.length),
      )
      if (accepted > maxInvites) field.fail(`${accepted} invites accepted`)
    },
  },
  {
    name: 'N28 bad tokens',
    summary: '20,000 requests with tokens that nobody has',
    async run(field) {
      let limited = 0
      await repeat(field, { times: 20_000, atOnce: 8 }, async (turn) => {
        const ask = { method: 'GET', path: `${client}/account/whoami`, token: `wrong${turn}` }
        if ((await field.target.http.ask(ask)).status === 429) limited++
      })
      if (limited === 0) field.fail('never limited')
    },
  },
]

async function secondProcess({ dataDir, database, signal, fail }: Field): Promise<void> {
  const main = new URL('../../../src/main.ts', import.meta.url).pathname
  const env = {
    PATH: process.env.PATH,
    MYELIN_SERVER_NAME: 'bench',
    MYELIN_DATA_DIR: dataDir,
    MYELIN_LISTEN_PORT: '0',
    MYELIN_LOGGING_LEVEL: 'error',
    ...(database !== undefined && { MYELIN_DATABASE_URL: database }),
  }
  const second = spawn(process.execPath, [main, 'start'], { env, stdio: 'ignore' })
  const gone = once(second, 'exit')
  const ended = await Promise.race([gone.then(() => true), once(signal, 'abort').then(() => false)])
  if (ended) return
  fail('a second process serves the same data')
  second.kill('SIGKILL')
  await gone
}
