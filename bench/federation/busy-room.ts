import { setTimeout as sleep } from 'node:timers/promises'
import type { EventId, ServerName, UserId } from '#protocol/ids.ts'
import { message } from '../../spec-tests/support/generators/acts.ts'
import type { TestRoom } from '../../spec-tests/support/generators/test-room.ts'
import { TestAuthority } from '../../spec-tests/support/outgoing/certificates.ts'
import { loopDelay } from '../support/loop-delay.ts'
import { percentiles, processFigures, processorFigures, round } from '../support/statistics.ts'
import type { OwnServer } from '../support/own-server.ts'
import type { Figures } from '../support/workload.ts'
import { HeadsWatch } from './heads-watch.ts'
import { ourName, startFederated } from './federated-server.ts'
import type { FederationWorkload } from './federation-workload.ts'
import { Peers } from './peers.ts'
import { deliver, transactionOf } from './send-transaction.ts'
import { enter, filledData, wideRoom } from './wide-room.ts'

const senders = 5
/** How long an event is on its way to the other servers, each of which goes on meanwhile. */
const travelMs = 300
/** How often each server sends what it has. */
const everyMs = 100

/** Goal: event-loop delay of at most 50 ms at p99, and never more than 20 forward extremities. */
export const busyRoom: FederationWorkload = {
  summary: `a room of --members on --servers, of which ${senders} send --rate events a second for --seconds`,
  defaults: { members: 20_000, servers: 300, rate: 50, seconds: 60 },
  async run({ members, servers, rate, seconds }, { database, profileTo }) {
    using authority = new TestAuthority()
    const peers = await Peers.start(servers, authority)
    const crowd = { members, servers: peers.names }
    const copied = await filledData(crowd, { serverName: ourName, database })
    const started = startFederated({ authorityFile: authority.file, database, profileTo, copied })
    const server = await started.finally(() => copied.remove())
    try {
      // The filling process made the same room.
      const room = wideRoom(crowd)
      enter(room, ourName)
      const speakers = peers.names.slice(0, senders).map((name, index) => new Speaker(room, name, index))
      peers.onTransaction = ({ peer, pdus }) => {
        if (peer === peers.names[0]) for (const pdu of pdus) for (const one of speakers) one.hear(room.take(pdu), 0)
      }
      return await converse({ server, room, speakers, rate, seconds })
    } finally {
      peers.close()
      await server.stop()
    }
  },
}

/** A server of the room: its events follow what it has heard of. */
class Speaker {
  readonly name: ServerName
  readonly #room: TestRoom
  readonly #user: UserId
  readonly #heard: { id: EventId; at: number }[] = []
  #heads = new Set<EventId>()

  constructor(room: TestRoom, name: ServerName, index: number) {
    this.#room = room
    this.name = name
    this.#user = `@u${index}:${name}`
    this.#heads.add(room.order.at(-1)!)
  }

  hear(id: EventId, afterMs = travelMs): void {
    this.#heard.push({ id, at: performance.now() + afterMs })
  }

  speak(number: number): EventId {
    const now = performance.now()
    while (this.#heard[0] && this.#heard[0].at <= now) this.#follow(this.#heard.shift()!.id)
    const prevs = [...this.#heads].slice(-20)
    const id = this.#room.add(message(this.#user, `message ${number} of a busy room`), { prevs })
    this.#heads = new Set([id])
    return id
  }

  #follow(id: EventId): void {
    for (const prev of this.#room.pdu(id).prev_events) this.#heads.delete(prev as EventId)
    this.#heads.add(id)
  }
}

type Conversing = {
  server: OwnServer
  room: TestRoom
  speakers: readonly Speaker[]
  rate: number
  seconds: number
}

async function converse({ server: { target }, room, speakers, rate, seconds }: Conversing): Promise<Figures> {
  const loop = loopDelay(target)
  const heads = HeadsWatch.open(target.database, room.roomId)
  await loop('starting')
  const used = processorFigures(target.pid)
  const end = performance.now() + seconds * 1000
  const durations: number[] = []
  let sent = 0
  const send = async (speaker: Speaker) => {
    let behind = 0
    for (let at = performance.now(); at < end; at += everyMs) {
      behind += (rate * everyMs) / 1000 / speakers.length
      const ids: EventId[] = []
      for (; behind >= 1 && ids.length < 50; behind--) ids.push(speaker.speak(sent++))
      for (const id of ids) for (const other of speakers) if (other !== speaker) other.hear(id)
      const begun = performance.now()
      const pdus = ids.map((id) => room.pdu(id))
      if (ids.length > 0)
        await deliver(target.http, transactionOf(pdus, { origin: speaker.name, destination: ourName }))
      durations.push(performance.now() - begun)
      await sleep(Math.max(0, at + everyMs - performance.now()))
    }
  }
  await Promise.all(speakers.map(send))
  return {
    events: sent,
    events_per_s: round(sent / seconds),
    ...used(sent, 'event'),
    ...percentiles(durations, 'transaction'),
    ...(await loop('busy')),
    most_forward_extremities: await heads.close(),
    ...processFigures(target.pid),
  }
}
