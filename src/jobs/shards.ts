type Shards<Entry> = { count: number; keyOf(entry: Entry): string }

/** The entries of one shard. */
export const ofShard = <Entry>(
  entries: readonly Entry[],
  shards: Shards<Entry> | undefined,
  shard: number | undefined,
): Entry[] =>
  shards ? entries.filter((entry) => shardOf(shards.keyOf(entry), shards.count) === (shard ?? 0)) : [...entries]

/** FNV-1a over the code units: the same in every process and version. */
export function shardOf(key: string, count: number): number {
  let hash = 0x811c9dc5
  for (let index = 0; index < key.length; index++) hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193) >>> 0
  return hash % count
}
