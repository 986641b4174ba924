import { roomVersions } from '#protocol/rooms/room-version.ts'

/** Spreads `{ '1-5': x, '6-12': y }` over the single versions; versions that no range names are left out. */
export function byVersion<Value>(ranges: Record<string, Value>): Map<string, Value> {
  const values = new Map<string, Value>()
  for (const { id } of roomVersions) {
    const range = Object.keys(ranges).find((key) => covers(key, Number(id)))
    if (range !== undefined) values.set(id, ranges[range] as Value)
  }
  return values
}

function covers(range: string, version: number): boolean {
  const [from = 0, to = from] = range.split('-').map(Number)
  return from <= version && version <= to
}
