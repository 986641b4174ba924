import { writeFileSync } from 'node:fs'
import type { JsonValue } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { member, state } from '../../spec-tests/support/generators/acts.ts'
import { buildRemoteRoom, powerful, us, type Made, type RemoteJoin } from './remote-room.ts'

// A process of its own, so that what signing very many events costs is in nobody's figures.
const [file = '', members = '20000', servers = '300'] = process.argv.slice(2)
writeFileSync(file, JSON.stringify(build(Number(members), Number(servers))))

/** The answer to a join of a large room, and forks of it that follow. */
function build(members: number, servers: number): RemoteJoin {
  const room = buildRemoteRoom({ members, servers })
  const made = (id: EventId): Made => ({ id, pdu: room.pdu(id) as unknown as JsonValue })
  const before = room.order.map((id) => made(id).pdu)
  const join = room.add(member(us, us, 'join'))
  const forks = powerful.flatMap((sender, index) => {
    const kicked = `@u${100 + index}:s${(100 + index) % servers}`
    const first = room.add(member(sender, kicked, 'leave'), { prevs: [join] })
    return [first, room.add(state(sender, 'm.room.name', { name: `${index}` }), { prevs: [first] })]
  })
  return { event: made(join).pdu, state: before, authChain: before.slice(0, 4), forks: forks.map(made) }
}
