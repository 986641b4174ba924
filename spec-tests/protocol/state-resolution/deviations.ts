/**
 * Ways in which a resolution might go astray, or read the specification otherwise. The definitions can take each of
 * them, and a kept history shows what comes of it.
 */
export const deviations = {
  'v1 depth': 'the sorting by depth turned round',
  'v1 digest': 'the sorting by sha1 of the id turned round',
  'v1 stop': 'power levels, join rules and members going on past one that is not allowed',
  'v1 none allowed': 'nothing where the rules allow none of the contenders',
  'own events': "full auth chains without the state's own events, by the letter of the specification",
  'step 1': 'the auth chain in step 1 also by way of events outside the full conflicted set, by the letter before v12',
  subgraph: 'no conflicted state subgraph',
  start: 'a start from the unconflicted state in room version 12',
  rejected: 'rejected events as if they were not',
  power: 'the power of senders turned round',
  'power time': 'the times in the power ordering turned round',
  'power id': 'the ids in the power ordering turned round',
  mainline: 'the positions on the mainline turned round',
  'mainline time': 'the times in the mainline ordering turned round',
  'mainline id': 'the ids in the mainline ordering turned round',
} as const satisfies Record<string, string>

export type Deviation = keyof typeof deviations
