/** How to page through a list of which a reader sees only parts. */
export type Scan<Item> = {
  /** Where to begin. */
  from: number
  limit: number
  /** How many items may be looked at; the client continues from the position reached. */
  maxRead?: number | undefined
  /** Up to `count` items after a position in the list, in order. */
  read(from: number, count: number): Promise<Item[]>
  /** Those of them that the reader gets, in the same order. */
  keep(items: Item[]): Promise<Item[]>
  /** The position just after an item. */
  after(item: Item): number
}

export type Scanned<Item> = {
  items: Item[]
  /** Where the next page begins. */
  position: number
  /** True when nothing follows. */
  isEnd: boolean
}

const laterBatch = 500
/** The default for one request. */
const mostRead = 5000

/** Reads on until the page is full: what the reader does not get never ends a list early. */
export async function scan<Item>({
  from,
  limit,
  maxRead = mostRead,
  read,
  keep,
  after,
}: Scan<Item>): Promise<Scanned<Item>> {
  const items: Item[] = []
  let position = from
  let count = limit + 1
  for (let seen = 0; seen < maxRead; count = Math.min(laterBatch, maxRead)) {
    const batch = await read(position, count)
    const kept = await keep(batch)
    const free = limit - items.length
    items.push(...kept.slice(0, free))
    const last = items.at(-1)
    if (kept.length > free) return { items, position: last === undefined ? from : after(last), isEnd: false }
    const end = batch.at(-1)
    if (end !== undefined) position = after(end)
    if (batch.length < count) return { items, position, isEnd: true }
    seen += batch.length
  }
  return { items, position, isEnd: false }
}
