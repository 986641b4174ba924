import { prevEventIds, type JsonObject, type Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { accepted } from '../server/client.ts'
import type { TestServer } from '../server/server.ts'
import { alice, HostileServer } from './hostile-server.ts'
import { jsonAnswer, type TestNetwork } from './network.ts'

/** The server of Alice, which leaves members out of its answers to joins, and gives them when it is told to. */
export class ReticentServer extends HostileServer {
  isHeld = true
  #transactions = 0

  constructor(...args: [TestNetwork, { now(): number }, { version?: string; name?: string }?]) {
    super(...args)
    this.lies = {
      sent: (answer) => ({
        ...answer,
        members_omitted: true,
        servers_in_room: ['s0.test', 's1.test', 's2.test'],
        state: (answer.state as JsonObject[]).filter(({ type }) => type !== 'm.room.member'),
        auth_chain: this.room.events.filter(({ type, sender }) => type !== 'm.room.member' || sender === alice),
      }),
      answer: (_method, [, , , step, id = '']) => {
        if (step === 'send') return jsonAnswer(200, { pdus: {} })
        if (step === 'state' || step === 'state_ids') return this.isHeld ? noAnswer : this.#state(step)
        const pdu = step === 'event' ? this.room.replay.events.get(id as EventId) : undefined
        return pdu && jsonAnswer(200, { origin: this.name, origin_server_ts: 0, pdus: [pdu] })
      },
    }
  }

  /** The join of a user of another server. */
  get join(): EventId {
    const { order, replay } = this.room
    return order.findLast((id) => replay.events.get(id)?.sender.endsWith(':b.test'))!
  }

  /** Sends events to a server, as those of its users or of others. */
  async tell(server: TestServer, ...pdus: Pdu[]): Promise<void> {
    const content = { origin: this.name, origin_server_ts: 0, pdus }
    accepted(await this.send(server, 'PUT', ['v1', 'send', `${this.roomId} ${this.#transactions++}`], content))
  }

  #state(step: string) {
    const { replay, order, version } = this.room
    const state = [...replay.stateBefore(prevEventIds(this.room.pdu(this.join), version)).values()]
    const chain = order.filter((id) => !state.includes(id) && id !== this.join)
    const known = chain.filter((id) => order.indexOf(id) < order.indexOf(this.join))
    if (step === 'state_ids') return jsonAnswer(200, { pdu_ids: state, auth_chain_ids: known })
    const pdus = (ids: readonly EventId[]) => ids.map((id) => this.room.pdu(id))
    return jsonAnswer(200, { pdus: pdus(state), auth_chain: pdus(known) })
  }
}

const noAnswer = jsonAnswer(404, { errcode: 'M_NOT_FOUND', error: 'Not yet' })
