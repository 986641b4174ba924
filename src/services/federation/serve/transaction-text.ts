import type { Context } from '#context.ts'

/** The JSON of a transaction of ours that holds these events. */
export const transactionText = (
  { clock, config }: Pick<Context, 'clock' | 'config'>,
  pdus: readonly string[],
): string =>
  `{"origin":${JSON.stringify(config.server_name)},"origin_server_ts":${clock.now()},"pdus":[${pdus.join(',')}]}`
