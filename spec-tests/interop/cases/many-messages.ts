import assert from 'node:assert/strict'
import { accepted } from '../../support/server/client.ts'
import type { SdkClient } from '../../support/server/sdk-client.ts'
import { Company, type Direction } from '../support/company.ts'
import { eventually } from '../support/eventually.ts'
import type { Servers } from '../support/servers.ts'

const count = Number(process.env['INTEROP_MESSAGES'] ?? 200)
const sideBySide = 10
const withinMs = 60_000 + count * 200

/** Many messages of both at once. */
export function manyMessagesCases(servers: () => Servers, direction: Direction): void {
  let company: Company
  before(async () => void (company = await Company.meet(servers(), direction)))
  after(() => company?.[Symbol.dispose]())

  it(`${count} encrypted messages each way: none is lost, comes twice, or stays unreadable`, async () => {
    const { host, guest } = company
    const roomId = await company.secretRoom()
    const heard = new Map(company.both.map((one) => [one, listen(one, roomId)]))
    const sent = (await Promise.all([host, guest].map((one) => sendMany(one, roomId)))).flat().sort()
    assert.equal(new Set(sent).size, 2 * count)
    for (const one of company.both) {
      const all = async () => (await serverHas(one, roomId)).length >= sent.length
      await eventually('all messages on the server', all, { withinMs })
      assert.deepEqual((await serverHas(one, roomId)).sort(), sent)
      const shown = heard.get(one)!
      // What a limited sync left out is scrolled back to, as a person would.
      await one.until('all messages on the device', () => shown.size >= sent.length, withinMs).catch(() => {})
      const room = one.sdk.getRoom(roomId)!
      while (shown.size < sent.length && room.oldState.paginationToken) await one.sdk.scrollback(room, 100)
      assert.deepEqual([...shown.keys()].sort(), sent)
      await one.until('them to be readable', () => [...shown.values()].every((times) => times > 0), withinMs)
      assert.deepEqual(
        [...shown].filter(([, times]) => times !== 1),
        [],
      )
    }
    await company.agree(roomId)
  })
}

/** Messages of this client, several under way at once; answers their event ids. */
async function sendMany({ sdk, user }: SdkClient, roomId: string): Promise<string[]> {
  const ids: string[] = []
  let next = 0
  const sender = async () => {
    while (next < count) {
      const { event_id: id } = await sdk.sendTextMessage(roomId, `${next++} of ${user.userId}`)
      ids.push(id)
    }
  }
  await Promise.all(Array.from({ length: sideBySide }, sender))
  return ids
}
