import assert from 'node:assert/strict'
import type { SdkClient } from '../../support/server/sdk-client.ts'
import { Company, type Direction } from '../support/company.ts'
import { eventually } from '../support/eventually.ts'
import { Observer, encryptedEvents } from '../support/observer.ts'
import type { Servers } from '../support/servers.ts'

const count = Number(process.env['INTEROP_MESSAGES'] ?? 200)
const sideBySide = 10
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
    const sent = (await Promise.all([sendMany(host, roomId), sendMany(guest, roomId)])).flat()
    const ids = sent.map(({ id }) => id).sort()
    assert.equal(new Set(ids).size, 2 * count)

    for (const [index, one] of company.both.entries()) {
      const observer = observers[index]!
      const all = async () => {
        await observer.look()
        return observer.seen.size >= ids.length
      }
      await eventually(`all messages at ${one.user.userId}`, all, { withinMs }).catch(() => {})
      assert.deepEqual([...observer.seen.keys()].sort(), ids)
      assert.deepEqual(
        [...observer.seen].filter(([, times]) => times !== 1),
        [],
      )
      assert.equal(observer.gaps, 0)
      assert.deepEqual((await encryptedEvents(one, roomId)).sort(), ids)
      await assertReads(one, roomId, sent)
    }
    await company.agree(roomId)
  })
}

type Sent = { id: string; body: string }

/** Messages of this client, several under way at once. */
async function sendMany({ sdk, user }: SdkClient, roomId: string): Promise<Sent[]> {
  const sent: Sent[] = []
  let next = 0
  const sender = async () => {
    while (next < count) {
      const body = `${next++} of ${user.userId}`
      const { event_id: id } = await sdk.sendTextMessage(roomId, body)
      sent.push({ id, body })
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, sender))
  return sent
}

/** The device has every message, readable; what a limited sync left out is scrolled back to, as a person would. */
async function assertReads(one: SdkClient, roomId: string, sent: readonly Sent[]): Promise<void> {
  const room = one.sdk.getRoom(roomId)!
  const isThere = () => sent.every(({ id }) => room.findEventById(id))
  while (!isThere() && room.oldState.paginationToken) await one.sdk.scrollback(room, 100)
  for (const { id, body } of sent) {
    const event = await one.readable(roomId, id)
    assert.equal(event.getContent().body, body)
  }
}
