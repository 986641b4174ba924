import type { Context } from '#context.ts'
import type { Reading } from '#services/rooms/read/open-reading.ts'
import { readTimeline, type Timeline, type TimelinePage } from '#services/rooms/read/timeline.ts'
import { fillGap, openGap } from './fill-gaps.ts'

/** How often history is fetched for one page, and how long. */
const maxFetches = 10
const patienceMs = 30_000

/**
 * A page of a timeline; where reading backwards comes to a gap, history is fetched from other servers first. Where none
 * has it, the page goes on beyond the gap.
 */
export async function readWithHistory(ctx: Context, reading: Reading, page: TimelinePage): Promise<Timeline> {
  let timeline = await readTimeline(ctx, reading, page)
  if (page.direction === 'forwards' || !ctx.config.federation.enabled) return timeline
  const started = ctx.clock.now()
  for (let fetches = 0; fetches < maxFetches && ctx.clock.now() - started < patienceMs; fetches++) {
    const reached = timeline.isEnd ? (page.to ?? 0) : timeline.position
    const gap = await openGap(ctx, reading.room, { after: reached, upTo: page.from })
    if (!gap || !(await fillGap(ctx, reading.room, gap))) break
    timeline = await readTimeline(ctx, reading, page)
  }
  return timeline
}
