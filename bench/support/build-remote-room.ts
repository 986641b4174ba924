import { writeFileSync } from 'node:fs'
import type { UserId } from '#protocol/ids.ts'
import { buildRemoteRoom, powerful, us, type RemoteJoin } from './remote-room.ts'

// A process of its own, so that what signing very many events costs is in nobody's figures.
const [file = '', members = '20000', servers = '300'] = process.argv.slice(2)
writeFileSync(file, JSON.stringify(build(Number(members), Number(servers))))

/** The answer to a join of a large room, and forks of it that follow. */
function build(members: number, servers: number): RemoteJoin {
  const room = buildRemoteRoom({ members, servers })
  const state = [...room.events.values()]
  const event = room.add({ type: 'm.room.member', key: us, sender: us, content: { membership: 'join' } })
  const forks = powerful.flatMap((sender, index) => {
    const kicked: UserId = `@u${100 + index}:s${(100 + index) % servers}`
    const kick = { type: 'm.room.member', key: kicked, sender, content: { membership: 'leave' } }
    const name = { type: 'm.room.name', key: '', sender, content: { name: `${index}` } }
    const first = room.add(kick, [event.id])
    return [first, room.add(name, [first.id])]
  })
  return { event: event.pdu, state, authChain: state.slice(0, 4), forks }
}
