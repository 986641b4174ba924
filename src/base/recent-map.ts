import { LRUCache } from 'lru-cache'

/**
 * A map of at most this many entries; the least recently used one makes room. With `max` in place of `maxSize`, the library
 * sets memory aside for all entries at once: a few megabytes for maps that are mostly empty.
 */
export const recentMap = <Key extends NonNullable<unknown>, Value extends NonNullable<unknown>>(
  max: number,
): LRUCache<Key, Value> => new LRUCache<Key, Value>({ maxSize: max, sizeCalculation: () => 1 })
