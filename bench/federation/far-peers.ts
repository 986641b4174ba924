import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { EventId, RoomId, ServerName } from '#protocol/ids.ts'

export type Arrival = { peers: number; at: number }
export type ToPeers = { ask: EventId }
export type FromPeers = Opened | { arrival: Arrival | undefined }
type Opened = { roomId: RoomId; host: ServerName; authorityFile: string }

/** Peers that are all in one room, in a process of their own. */
export type FarPeers = Opened & {
  /** How many have the event; `at`, since 1970: when the last of them got it. */
  arrivalOf(eventId: EventId): Promise<Arrival | undefined>
  stop(): void
}

const script = new URL('./peers-process.ts', import.meta.url)

export async function startFarPeers(count: number): Promise<FarPeers> {
  const child = fork(script, [String(count)], { execArgv: ['--max-old-space-size=512'] })
  const answer = async () => ((await once(child, 'message')) as [FromPeers])[0]
  const opened = (await answer()) as Opened
  return {
    ...opened,
    async arrivalOf(eventId) {
      const answered = answer()
      child.send({ ask: eventId } satisfies ToPeers)
      return ((await answered) as { arrival: Arrival | undefined }).arrival
    },
    stop: () => child.disconnect(),
  }
}
