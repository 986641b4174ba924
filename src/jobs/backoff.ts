const first = 1000
const longest = 60_000

/** How long to wait after consecutive failures, in ms: doubled each time, up to a minute. */
export const backoffMs = (failures: number): number => Math.min(longest, first * 2 ** Math.min(failures - 1, 16))
