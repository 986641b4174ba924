import type { Pdu } from '#protocol/events/event.ts'
import type { RoomId, ServerName, UserId } from '#protocol/ids.ts'
import { member, message } from '../../spec-tests/support/generators/acts.ts'
import { openedRoom } from '../../spec-tests/support/generators/opened-room.ts'
import type { TestRoom } from '../../spec-tests/support/generators/test-room.ts'
import { TestAuthority } from '../../spec-tests/support/outgoing/certificates.ts'
import type { Ask } from '../support/http-client.ts'
import { loopDelay } from '../support/loop-delay.ts'
import { inParallel, percentiles, processFigures, processorFigures, round } from '../support/statistics.ts'
import type { User } from '../support/user.ts'
import { ourName, startFederated } from './federated-server.ts'
import type { FederationWorkload } from './federation-workload.ts'
import { Peers } from './peers.ts'
import { deliver, transactionOf } from './send-transaction.ts'

const eventsOfRoom = 100
const eventsOfTransaction = 50
/** Every tenth event is a join. */
const joinEvery = 10

/** Goal: 1,500 events a second on SQLite. */
export const receive: FederationWorkload = {
  summary: `receives ${eventsOfRoom} events of each of --rooms from --servers, in transactions of ${eventsOfTransaction}`,
  defaults: { rooms: 100, servers: 10 },
  async run({ rooms, servers }, { database, profileTo }) {
    using authority = new TestAuthority()
    const peers = await Peers.start(servers, authority)
    const server = await startFederated({ authorityFile: authority.file, database, profileTo })
    try {
      const { target } = server
      const user = await target.newUser()
      const held = await enterRooms({ peers, user, rooms })
      const sent = peers.names.map((name) => transactionsFrom(name, held))
      const count = held.length * eventsOfRoom
      const loop = loopDelay(target)
      await loop('entering')
      const [started, used] = [performance.now(), processorFigures(target.pid)]
      const durations: number[] = []
      await inParallel(sent, servers, async (transactions) => {
        for (const transaction of transactions) {
          const begun = performance.now()
          await deliver(target.http, transaction)
          durations.push(performance.now() - begun)
        }
      })
      await inParallel(held, 8, ({ room }) => untilShown(user, room))
      const seconds = (performance.now() - started) / 1000
      return {
        events: count,
        events_per_s: round(count / seconds),
        ...used(count, 'event'),
        ...percentiles(durations, 'transaction'),
        ...(await loop('receiving')),
        ...processFigures(target.pid),
      }
    } finally {
      peers.close()
      await server.stop()
    }
  },
}

type Held = { room: TestRoom; host: ServerName }

/** Each peer holds some of the rooms; our user joins them all. */
async function enterRooms({ peers, user, rooms }: { peers: Peers; user: User; rooms: number }): Promise<Held[]> {
  const held = Array.from({ length: rooms }, (_, index): Held => {
    const host = peers.names[index % peers.names.length]!
    const roomId: RoomId = `!room${index}:${host}`
    const room = openedRoom('11', { creator: `@creator:${host}`, roomId, ruled: false })
    peers.rooms.set(roomId, room)
    return { room, host }
  })
  await inParallel(held, 4, ({ room, host }) => user.join(room.roomId, host))
  return held
}

/** The peer's rooms go on side by side. */
function transactionsFrom(origin: ServerName, held: readonly Held[]): Ask[] {
  const rooms = held.flatMap(({ room, host }) => (host === origin ? [room] : []))
  const pdus: Pdu[] = []
  for (let number = 0; number < eventsOfRoom; number++) for (const room of rooms) pdus.push(nextEvent(room, number))
  const transactions: Ask[] = []
  for (let start = 0; start < pdus.length; start += eventsOfTransaction) {
    const some = pdus.slice(start, start + eventsOfTransaction)
    transactions.push(transactionOf(some, { origin, destination: ourName }))
  }
  return transactions
}

function nextEvent(room: TestRoom, number: number): Pdu {
  const { sender } = room.create
  const guest: UserId = `@guest${number}:${sender.slice(sender.indexOf(':') + 1)}`
  const act = number % joinEvery === 0 ? member(guest, guest, 'join') : message(sender, `message ${number} of many`)
  return room.pdu(room.add(act))
}

/** The answer to a transaction does not wait for ever for what is in it. */
async function untilShown(user: User, room: TestRoom): Promise<void> {
  const last = room.order.at(-1)
  for (let attempt = 0; attempt < 600; attempt++) {
    const { body } = await user.read(room.roomId, 'messages?dir=b&limit=1')
    const [newest] = body['chunk'] as { event_id: string }[]
    if (newest?.event_id === last) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('What was sent did not arrive')
}
