import type { Act } from './act.ts'
import { deviceActs } from './devices.ts'
import { membershipActs } from './membership.ts'
import { roomStateActs } from './room-state.ts'
import { talkActs } from './talk.ts'

const all = { ...membershipActs, ...talkActs, ...roomStateActs, ...deviceActs }

export type ActKind = keyof typeof all

export const acts: Readonly<Record<ActKind, Act>> = all

export const actWeights: [ActKind, number][] = Object.entries(acts).map(([kind, { weight }]) => [
  kind as ActKind,
  weight,
])
