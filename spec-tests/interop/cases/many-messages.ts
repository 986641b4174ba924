import assert from 'node:assert/strict'
import type { SdkClient } from '../../support/server/sdk-client.ts'
import { Company, type Direction } from '../support/company.ts'
import { eventually } from '../support/eventually.ts'
import { Observer, encryptedEvents, scrollBackTo } from '../support/observer.ts'
import type { Servers } from '../support/servers.ts'

const count = Number(process.env['INTEROP_MESSAGES'] ?? 200)
const wave = 25
const withinMs = 60_000 + count * 200

/** Many messages of both at once. */
export function manyMessagesCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  before(async () => void (company = await Company.meet(servers(), direction)))
  after(() => company?.[Symbol.dispose]())

  it(`${count} encrypted messages each way: none is lost, comes twice, or stays unreadable`, async function () {
    this.timeout(4 * withinMs)
    const { host, guest, here, there } = company
    const roomId = await company.secretRoom()
    const observers = [await Observer.of(host, here, roomId), await Observer.of(guest, there, roomId)] as const
    const seeAll = observers.map((observer) => {
      const look = async () => {
        await observer.look()
        return observer.seen.size >= 2 * count
      }
      return eventually('all messages in /sync', look, { withinMs: 3 * withinMs })
    })
    const sending = Promise.all([sendMany(host, guest, roomId), sendMany(guest, host, roomId)])
    const [sent] = await Promise.all([sending.then((both) => both.flat()), ...seeAll])
    const ids = sent.map(({ id }) => id).sort()
    assert.equal(new Set(ids).size, 2 * count)

    for (const [index, one] of company.both.entries()) {
      const observer = observers[index]!
      assert.deepEqual([...observer.seen.keys()].sort(), ids)
      const twice = [...observer.seen].filter(([, times]) => times !== 1)
      assert.deepEqual(twice, [])
      assert.deepEqual((await encryptedEvents(one.user, roomId)).sort(), ids)
      await scrollBackTo(one, roomId, ids)
      for (const { id, body } of sent) assert.equal((await one.readable(roomId, id)).getContent().body, body)
    }
    await company.agree(roomId)
  })
}

type Sent = { id: string; body: string }

/**
 * Messages of this client, several under way at once. Between waves the other has to catch up: Synapse drops events of a
 * room of which it has a hundred yet to look at, and finds them again only when somebody scrolls back.
 */
async function sendMany(from: SdkClient, to: SdkClient, roomId: string): Promise<Sent[]> {
  const sent: Sent[] = []
  while (sent.length < count) {
    const size = Math.min(wave, count - sent.length)
    const bodies = Array.from({ length: size }, (_, index) => `${sent.length + index} of ${from.user.userId}`)
    const send = async (body: string) => ({ id: (await from.sdk.sendTextMessage(roomId, body)).event_id, body })
    const done = await Promise.all(bodies.map(send))
    sent.push(...done)
    for (const { id } of done) await to.readable(roomId, id, withinMs)
  }
  return sent
}
