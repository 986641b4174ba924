import type { Context } from '#context.ts'
import type { StoredEvent } from '#store/events.ts'
import type { EventLoader } from './event-loader.ts'
import type { Holder, RoomLine } from './room-line.ts'

type Needs = Pick<Context, 'store'> & { loader: EventLoader }

/**
 * The events that held the keys of these present holders just after a position. What has changed since is rare and
 * read from the spans; the rest the line knows.
 */
export async function stateAtPosition(
  { store, loader }: Needs,
  line: RoomLine,
  { position, holders }: { position: number; holders: Iterable<Holder> },
): Promise<StoredEvent[]> {
  const current: number[] = []
  const changed: Promise<StoredEvent | undefined>[] = []
  for (const holder of holders) {
    if ((holder.from ?? 0) <= position) current.push(holder.position ?? 0)
    else changed.push(store.roomState.holderAt(line.nid ?? 0, [holder.type, holder.stateKey], position))
  }
  const [unchanged, ...former] = await Promise.all([loader.loadAll(current), ...changed])
  return [...unchanged, ...former.filter((event) => event !== undefined)]
}
