import { setFlagsFromString } from 'node:v8'

/**
 * How much the heap may grow beyond what is in use, in percent, before V8 collects it: V8 itself lets it become several
 * times as large. Holds for every thread of the process. A third of the resident memory of a server whose users read many
 * rooms, for no processor time that could be measured.
 */
const growingPercent = 50

/** Must come before the heap has grown. No variable of the environment may say this, so the process says it itself. */
export function limitHeapGrowth(): void {
  setFlagsFromString(`--heap-growing-percent=${growingPercent}`)
}
