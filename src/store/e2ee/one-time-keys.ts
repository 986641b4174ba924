import { keyFingerprint } from '#protocol/key-fingerprint.ts'
import type { Db } from '#store/engine/db.ts'
import type { Engine } from '#store/engine/engine.ts'
import { inList } from '#store/engine/in-list.ts'
import { pairList, type Pair } from '#store/engine/pair-list.ts'
import type { UserId } from '#protocol/ids.ts'
import { inSlices } from '#base/in-slices.ts'

/** What a device has left to hand out. */
export type KeyStock = Readonly<{
  /** Unclaimed one-time keys by algorithm. */
  oneTimeKeyCounts: Readonly<Record<string, number>>
  /** Algorithms whose fallback key has not been claimed yet. */
  unusedFallbackTypes: readonly string[]
}>

/** A one-time or fallback key; `json` is its canonical JSON. */
export type PublicKey = Readonly<{ algorithm: string; keyId: string; json: string }>
export type KeyClaim = Readonly<{ userId: UserId; deviceId: string; algorithm: string }>
export type ClaimedKey = KeyClaim & PublicKey

type Owner = { user_id: UserId; device_id: string }
type KeyRow = Owner & { id: number; algorithm: string; key_id: string; key_json: string }
type FallbackRow = Omit<KeyRow, 'id'> & { is_used: boolean | number }
type StockRow = Owner & { one_time_key_counts: string; unused_fallback_types: string; claims?: number | string }
type ClaimedRow = Owner & { number: number; fingerprint: string }

const ownerColumns: Pair = ['user_id', 'device_id']

export const oneTimeKeys = (db: Db, kind: Engine['kind']) => {
  const ofDevices = (devices: readonly KeyClaim[]) =>
    pairList(
      kind,
      ownerColumns,
      devices.map(({ userId, deviceId }) => [userId, deviceId] as const),
    )

  const saveStocks = async (rows: StockRow[]): Promise<void> => {
    for (const slice of inSlices(rows, 200))
      await db<StockRow>('key_stocks')
        .insert(slice)
        .onConflict([...ownerColumns])
        .merge(['one_time_key_counts', 'unused_fallback_types'])
  }

  /** Remembers claimed keys, which must not be uploaded again: the newest `most` of a device. */
  const remember = async (row: StockRow, keys: readonly ClaimedKey[], most: number): Promise<void> => {
    if (keys.length === 0) return
    const device = { user_id: row.user_id, device_id: row.device_id }
    const before = Number(row.claims ?? 0)
    const claims = before + keys.length
    const rows = keys.map((key, index) => ({ ...device, number: before + index + 1, fingerprint: keyFingerprint(key) }))
    await db<ClaimedRow>('claimed_keys').insert(rows)
    await db<ClaimedRow>('claimed_keys')
      .where(device)
      .where('number', '<=', claims - most)
      .delete()
    await db<StockRow>('key_stocks').where(device).update({ claims })
  }

  /** Removes the oldest key of every claim that has one. */
  const takeOldest = async (claims: readonly KeyClaim[]): Promise<ClaimedKey[]> => {
    const wanted = new Set(claims.map(nameOf))
    const oldest = (await db('one_time_keys')
      .whereRaw(...ofDevices(claims))
      .groupBy('user_id', 'device_id', 'algorithm')
      .select('user_id', 'device_id', 'algorithm')
      .min('id as id')) as unknown as KeyRow[]
    const ids = oldest.filter((row) => wanted.has(nameOf(ownedBy(row)))).map((row) => Number(row.id))
    const taken: ClaimedKey[] = []
    for (const slice of inSlices(ids, 500)) {
      const rows = await db<KeyRow>('one_time_keys').whereIn('id', slice)
      await db<KeyRow>('one_time_keys').whereIn('id', slice).delete()
      taken.push(...rows.map(claimedKey))
    }
    return taken
  }

  const useFallbacks = async (claims: readonly KeyClaim[]): Promise<ClaimedKey[]> => {
    if (claims.length === 0) return []
    const wanted = new Set(claims.map(nameOf))
    const rows = (await db<FallbackRow>('fallback_keys').whereRaw(...ofDevices(claims))).filter((row) =>
      wanted.has(nameOf(ownedBy(row))),
    )
    for (const { user_id, device_id, algorithm, is_used } of rows)
      if (!is_used)
        await db<FallbackRow>('fallback_keys').where({ user_id, device_id, algorithm }).update({ is_used: true })
    return rows.map(claimedKey)
  }

  return {
    /** The stock of a device; every /sync reads this one row. */
    async stock(userId: UserId, deviceId: string): Promise<KeyStock> {
      const row = await db<StockRow>('key_stocks').where({ user_id: userId, device_id: deviceId }).first()
      return row ? stockOf(row) : { oneTimeKeyCounts: {}, unusedFallbackTypes: [] }
    },

    /** Locks the device against other uploads and claims until the transaction ends. */
    async lock(userId: UserId, deviceId: string): Promise<void> {
      await db<StockRow>('key_stocks')
        .insert({ user_id: userId, device_id: deviceId, one_time_key_counts: '{}', unused_fallback_types: '[]' })
        .onConflict([...ownerColumns])
        .ignore()
      await db<StockRow>('key_stocks').where({ user_id: userId, device_id: deviceId }).forUpdate().first()
    },

    async list(userId: UserId, deviceId: string): Promise<PublicKey[]> {
      return (await db<KeyRow>('one_time_keys').where({ user_id: userId, device_id: deviceId }).orderBy('id')).map(
        publicKey,
      )
    },

    /** Which of these keys were claimed before, as far as that is remembered. */
    async claimedAmong(userId: UserId, deviceId: string, keys: readonly PublicKey[]): Promise<Set<PublicKey>> {
      if (keys.length === 0) return new Set()
      const prints = new Map(keys.map((key) => [key, keyFingerprint(key)]))
      const known = new Set(
        await db<ClaimedRow>('claimed_keys')
          .where({ user_id: userId, device_id: deviceId })
          .whereRaw(...inList(kind, 'fingerprint', [...prints.values()]))
          .pluck('fingerprint'),
      )
      return new Set(keys.filter((key) => known.has(prints.get(key) ?? '')))
    },

    /** Adds keys after those the device has: they are claimed last. */
    async add(userId: UserId, deviceId: string, keys: readonly PublicKey[]): Promise<void> {
      const rows = keys.map((key) => ({ user_id: userId, device_id: deviceId, ...keyColumns(key) }))
      for (const slice of inSlices(rows, 200)) await db('one_time_keys').insert(slice)
    },

    async countFallbacks(userId: UserId, deviceId: string): Promise<number> {
      const row = (await db('fallback_keys')
        .where({ user_id: userId, device_id: deviceId })
        .count('* as count')
        .first()) as { count: number | string } | undefined
      return Number(row?.count ?? 0)
    },

    /** Replaces the fallback key of the algorithm; the same key uploaded again stays used if it was. */
    async saveFallback(userId: UserId, deviceId: string, key: PublicKey): Promise<void> {
      const place = { user_id: userId, device_id: deviceId, algorithm: key.algorithm }
      const present = await db<FallbackRow>('fallback_keys').where(place).first()
      if (present?.key_id === key.keyId && present.key_json === key.json) return
      await db<FallbackRow>('fallback_keys')
        .insert({ ...place, ...keyColumns(key), is_used: false })
        .onConflict([...ownerColumns, 'algorithm'])
        .merge()
    },

    /** Counts the device's keys anew and answers them. */
    async restock(userId: UserId, deviceId: string): Promise<KeyStock> {
      const device = { user_id: userId, device_id: deviceId }
      const counts = (await db('one_time_keys')
        .where(device)
        .groupBy('algorithm')
        .select('algorithm')
        .count('* as count')) as unknown as { algorithm: string; count: number | string }[]
      const unused = await db<FallbackRow>('fallback_keys')
        .where({ ...device, is_used: false })
        .orderBy('algorithm')
      const stock: KeyStock = {
        oneTimeKeyCounts: Object.fromEntries(counts.map((row) => [row.algorithm, Number(row.count)])),
        unusedFallbackTypes: unused.map((row) => row.algorithm),
      }
      await saveStocks([stockRow(device, stock)])
      return stock
    },

    /**
     * Claims one key each, the oldest first and a fallback key when none is left, and remembers the newest `remembered`
     * of a device; inside a transaction.
     */
    async claim(claims: readonly KeyClaim[], remembered: number): Promise<ClaimedKey[]> {
      if (claims.length === 0) return []
      const locked = await db<StockRow>('key_stocks')
        .whereRaw(...ofDevices(claims))
        .orderBy([...ownerColumns])
        .forUpdate()
      if (locked.length === 0) return []
      const taken = await takeOldest(claims)
      const served = new Set(taken.map(nameOf))
      const takenFrom = Map.groupBy(taken, deviceNameOf)
      for (const row of locked) await remember(row, takenFrom.get(deviceNameOf(ownerOf(row))) ?? [], remembered)
      const fallbacks = await useFallbacks(claims.filter((claim) => !served.has(nameOf(claim))))
      const usedOf = Map.groupBy(fallbacks, deviceNameOf)
      const rest = (row: StockRow) => {
        const device = deviceNameOf(ownerOf(row))
        return stockRow(row, without(row, takenFrom.get(device) ?? [], usedOf.get(device) ?? []))
      }
      await saveStocks(locked.map(rest))
      return [...taken, ...fallbacks]
    },

    /** Deletes the device's one-time and fallback keys; claimed ones stay remembered. */
    async discard(userId: UserId, deviceId: string): Promise<void> {
      const device = { user_id: userId, device_id: deviceId }
      await db<KeyRow>('one_time_keys').where(device).delete()
      await db<FallbackRow>('fallback_keys').where(device).delete()
    },

    /** Forgets all that devices had to hand out and what they handed out. */
    async deleteForDevices(userId: UserId, deviceIds: readonly string[]): Promise<void> {
      if (deviceIds.length === 0) return
      for (const table of ['one_time_keys', 'fallback_keys', 'key_stocks', 'claimed_keys'])
        await db(table)
          .where({ user_id: userId })
          .whereRaw(...inList(kind, 'device_id', deviceIds))
          .delete()
    },

    /** Drops all one-time keys, as a restored backup must: some of them may have been handed out since it was made. */
    async discardAll(): Promise<void> {
      await db('one_time_keys').delete()
      await db<StockRow>('key_stocks').update({ one_time_key_counts: '{}' })
    },
  }
}

const nameOf = ({ userId, deviceId, algorithm }: KeyClaim): string => JSON.stringify([userId, deviceId, algorithm])

const deviceNameOf = ({ userId, deviceId }: Pick<KeyClaim, 'userId' | 'deviceId'>): string =>
  JSON.stringify([userId, deviceId])

const ownerOf = (row: Owner) => ({ userId: row.user_id, deviceId: row.device_id })

const ownedBy = (row: Owner & { algorithm: string }): KeyClaim => ({
  userId: row.user_id,
  deviceId: row.device_id,
  algorithm: row.algorithm,
})

/** The unclaimed keys of a device after some were claimed and fallback keys used. */
function without(row: StockRow, taken: readonly ClaimedKey[], fallbacks: readonly ClaimedKey[]): KeyStock {
  const { oneTimeKeyCounts: counts, unusedFallbackTypes } = stockOf(row)
  const oneTimeKeyCounts = { ...counts }
  for (const { algorithm } of taken) oneTimeKeyCounts[algorithm] = Math.max(0, (oneTimeKeyCounts[algorithm] ?? 0) - 1)
  const used = new Set(fallbacks.map((key) => key.algorithm))
  return {
    oneTimeKeyCounts,
    unusedFallbackTypes: unusedFallbackTypes.filter((algorithm) => !used.has(algorithm)),
  }
}

const keyColumns = ({ algorithm, keyId, json }: PublicKey) => ({ algorithm, key_id: keyId, key_json: json })
const publicKey = (row: Pick<KeyRow, 'algorithm' | 'key_id' | 'key_json'>): PublicKey => ({
  algorithm: row.algorithm,
  keyId: row.key_id,
  json: row.key_json,
})
const claimedKey = (row: KeyRow | FallbackRow): ClaimedKey => ({ ...ownedBy(row), ...publicKey(row) })

const stockOf = (row: StockRow): KeyStock => ({
  oneTimeKeyCounts: JSON.parse(row.one_time_key_counts) as Record<string, number>,
  unusedFallbackTypes: JSON.parse(row.unused_fallback_types) as string[],
})
const stockRow = ({ user_id, device_id }: Owner, stock: KeyStock): StockRow => ({
  user_id,
  device_id,
  one_time_key_counts: JSON.stringify(stock.oneTimeKeyCounts),
  unused_fallback_types: JSON.stringify(stock.unusedFallbackTypes),
})
