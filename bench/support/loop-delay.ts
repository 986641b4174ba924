import type { Target } from './target.ts'
import type { Figures } from './workload.ts'

type Bucket = { atMost: number; count: number }

/** How late the server's event loop was between one call and the next; says nothing of servers that do not tell. */
export function loopDelay({ metricsUrl }: Pick<Target, 'metricsUrl'>): (name: string) => Promise<Figures> {
  let before: Bucket[] = []
  return async (name) => {
    if (metricsUrl === undefined) return {}
    const now = bucketsOf(await (await fetch(metricsUrl)).text())
    const since = now.map(({ atMost, count }, index) => ({ atMost, count: count - (before[index]?.count ?? 0) }))
    before = now
    return {
      [`${name}_loop_delay_p99_under_ms`]: quantile(since, 0.99),
      [`${name}_loop_delay_max_under_ms`]: quantile(since, 1),
    }
  }
}

/** Each bucket counts what the ones before it count too, as Prometheus has it. */
const bucketsOf = (text: string): Bucket[] =>
  [...text.matchAll(/^myelin_event_loop_delay_seconds_bucket\{le="([^"]+)"\} (\d+)/gm)].map(([, atMost, count]) => ({
    atMost: atMost === '+Inf' ? Infinity : Number(atMost) * 1000,
    count: Number(count),
  }))

/** The upper end of the bucket in which this share of the samples is reached. */
function quantile(buckets: readonly Bucket[], share: number): number {
  const wanted = (buckets.at(-1)?.count ?? 0) * share
  return buckets.find(({ count }) => count >= wanted)?.atMost ?? 0
}
