import type { Attack } from '../attack.ts'
import { connectionAttacks } from './connections.ts'
import { memoryAttacks } from './memory.ts'
import { rateAttacks } from './rates.ts'
import { workAttacks } from './work.ts'

/**
 * What can be done from outside, in the order of the findings. N24 (a dead writer thread), N29 (a race), N30 (what a
 * log says) and the rest of N31 are faults and rules, not load: tests hold them.
 */
export const attacks: readonly Attack[] = [
  ...connectionAttacks,
  ...workAttacks,
  ...memoryAttacks,
  ...rateAttacks,
].toSorted((one, other) => (one.name < other.name ? -1 : 1))
