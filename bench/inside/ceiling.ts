import { HttpClient } from '../support/http-client.ts'
import { startCeiling } from '../support/own-server.ts'
import { percentiles, processorSeconds, round } from '../support/statistics.ts'
import type { InsideWorkload } from '../support/workload.ts'
import { send } from '../workloads/send.ts'

/** The same load against the bare prototype: no rooms, no rules, no derived data. */
export const ceiling: InsideWorkload = {
  summary: 'the bare send path without rules, to which sends are compared',
  defaults: send.defaults,
  async run({ clients, seconds }) {
    const { url, pid, stop } = await startCeiling()
    const http = new HttpClient(url)
    await sendToCeiling(http, clients, Math.min(2, seconds))
    const before = processorSeconds(pid)
    const durations = await sendToCeiling(http, clients, seconds)
    const used = processorSeconds(pid) - before
    http.close()
    await stop()
    return {
      ceiling_per_s: round(durations.length / seconds),
      ceiling_processor_us: round((used * 1e6) / durations.length),
      ...percentiles(durations, 'ceiling'),
    }
  },
}

/** Sends one message after another by each client; answers their durations. */
export async function sendToCeiling(http: HttpClient, clients: number, seconds: number): Promise<number[]> {
  const durations: number[] = []
  const end = performance.now() + seconds * 1000
  const body = { msgtype: 'm.text', body: 'message of a conversation that goes on' }
  const one = async (): Promise<void> => {
    while (performance.now() < end) {
      const started = performance.now()
      await http.ask({ method: 'PUT', path: '/send', body })
      durations.push(performance.now() - started)
    }
  }
  await Promise.all(Array.from({ length: clients }, one))
  return durations
}
