import { isIn, type World } from '../world.ts'
import type { Report } from './report.ts'

/** Once every server can be reached, nothing waits for any of them. */
export async function nothingWaits({ servers }: World, report: Report): Promise<void> {
  for (const server of servers) {
    const { name, context } = server
    const { stagedEvents, outgoingEdus, destinations } = context.store.federation
    const staged = await stagedEvents.page(0, 10)
    if (staged.length > 0) report('queues', `on ${name} are staged ${JSON.stringify(staged)}`)
    for (const other of servers) {
      const edus = await outgoingEdus.list(other.name, 10)
      if (edus.length > 0) report('queues', `on ${name} wait for ${other.name} ${JSON.stringify(edus)}`)
    }
    const partial = await context.store.rooms.partial.listAwaited('complete-room', { after: '', limit: 10 })
    for (const { roomId, error } of partial)
      if (await isIn(server, { roomId })) report('queues', `on ${name} members of ${roomId} lack: ${error}`)
    const pending = await destinations.listPending()
    if (pending.length > 0) report('queues', `on ${name} something waits for ${JSON.stringify(pending)}`)
  }
}
