import type { EventId } from '#protocol/ids.ts'
import { eventId } from '#protocol/events/event-id.ts'
import { TestAuthority } from '../../spec-tests/support/outgoing/certificates.ts'
import { openedRoom } from '../../spec-tests/support/generators/opened-room.ts'
import { member } from '../../spec-tests/support/generators/acts.ts'
import type { FromPeers, ToPeers } from './far-peers.ts'
import { Peers } from './peers.ts'

// Very many peers in a process of their own, all of them in one room: what they cost is in none of our figures.
const count = Number(process.argv[2])
const authority = new TestAuthority()
const peers = await Peers.start(count, authority)
const [host = ''] = peers.names
const room = openedRoom('11', { creator: `@creator:${host}`, roomId: `!wide:${host}`, ruled: false })
for (const name of peers.names.slice(1)) room.add(member(`@user:${name}`, `@user:${name}`, 'join'))
peers.rooms.set(room.roomId, room)

/** How many peers have an event, and when the last of them got it. */
const arrivals = new Map<EventId, { peers: number; at: number }>()
peers.onTransaction = ({ pdus }) => {
  for (const pdu of pdus) {
    const id = eventId(pdu, room.version)
    arrivals.set(id, { peers: (arrivals.get(id)?.peers ?? 0) + 1, at: performance.timeOrigin + performance.now() })
  }
}
const tell = (message: FromPeers) => process.send?.(message)
process.on('message', ({ ask }: ToPeers) => tell({ arrival: arrivals.get(ask) }))
process.on('disconnect', () => {
  authority[Symbol.dispose]()
  process.exit()
})
tell({ roomId: room.roomId, host, authorityFile: authority.file })
