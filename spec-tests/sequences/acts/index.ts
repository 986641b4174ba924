import { accountActs } from './account.ts'
import type { Act } from './act.ts'
import { membershipActs } from './membership.ts'
import { readingActs } from './reading.ts'
import { roomStateActs } from './room-state.ts'
import { talkActs } from './talk.ts'

const all = { ...membershipActs, ...talkActs, ...readingActs, ...accountActs, ...roomStateActs }

export type ActKind = keyof typeof all

export const acts: Readonly<Record<ActKind, Act>> = all
