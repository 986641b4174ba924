type Headers = Readonly<Record<string, string>>

/** How long an answer says that it may be kept, in ms; undefined where it says nothing. */
export function cacheLifetime(headers: Headers, now: number): number | undefined {
  const directives = (headers['cache-control'] ?? '').toLowerCase().split(',')
  const named = directives.map((directive) => directive.trim())
  if (named.includes('no-store') || named.includes('no-cache')) return 0
  const seconds = named.map((directive) => /^max-age="?(\d{1,10})"?$/.exec(directive)?.[1]).find(Boolean)
  if (seconds !== undefined) return Number(seconds) * 1000 - age(headers)
  if (headers['expires'] === undefined) return undefined
  const expires = Date.parse(headers['expires'])
  // By the clock of the one that answers, where it tells the time.
  const sentAt = Date.parse(headers['date'] ?? '')
  return Number.isNaN(expires) ? 0 : expires - (Number.isNaN(sentAt) ? now : sentAt)
}

/** How long caches on the way have kept it. */
function age({ age: text = '' }: Headers): number {
  return /^\d{1,10}$/.test(text) ? Number(text) * 1000 : 0
}
