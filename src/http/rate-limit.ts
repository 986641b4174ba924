import type { BucketName, RateBuckets } from '#base/rate-bucket.ts'

/** Counts a request against its requester, or against its address when it is unauthenticated. */
export function limitRate(
  buckets: RateBuckets,
  limit: BucketName | undefined,
  { requester, ip }: { requester: unknown; ip: string },
): void {
  buckets.spend(limit ?? 'default', requesterKey(requester) ?? addressKey(ip))
}

/** A host can use all addresses of its IPv6 /64 network: they count as one. */
export function addressKey(ip: string): string {
  if (!ip.includes(':')) return ip
  const [forwardExtremity = '', tail] = ip.split('::')
  const groups = forwardExtremity.split(':').filter(Boolean)
  const after = (tail ?? '').split(':').filter(Boolean)
  if (tail !== undefined) groups.push(...Array<string>(Math.max(0, 8 - groups.length - after.length)).fill('0'))
  return [...groups, ...after].slice(0, 4).join(':')
}

function requesterKey(requester: unknown): string | undefined {
  if (typeof requester !== 'object' || requester === null) return undefined
  if ('userId' in requester) return String(requester.userId)
  if ('serverName' in requester) return String(requester.serverName)
  return undefined
}
