import type { Target } from './target.ts'
import { round } from './statistics.ts'
import type { Figures } from './workload.ts'

/** The interval at which the server looks at its event loop: what it measures while nothing is late. */
const resolution = 20

/** Delay of the event loop since this was last asked, in milliseconds; nothing of servers that do not tell. */
export async function loopDelay({ metricsUrl }: Pick<Target, 'metricsUrl'>, name: string): Promise<Figures> {
  if (metricsUrl === undefined) return {}
  const text = await (await fetch(metricsUrl)).text()
  const quantile = (value: string): number => {
    const match = new RegExp(`^myelin_event_loop_delay_seconds\\{quantile="${value}"\\} (\\S+)`, 'm').exec(text)
    return round(Math.max(0, Number(match?.[1] ?? 0) * 1000 - resolution))
  }
  return { [`${name}_loop_delay_p99_ms`]: quantile('0.99'), [`${name}_loop_delay_max_ms`]: quantile('1') }
}
