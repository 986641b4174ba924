import { badAlias, invalidRoomState } from '#base/errors.ts'
import { aliasesIn } from '#services/rooms/directory/check-canonical-alias.ts'
import type { StateEntry } from './initial-events.ts'
import type { UserId } from '#protocol/ids.ts'

/** Refuses state that would go around the checks which the same has once the room exists. */
export function checkInitialState(
  entries: readonly StateEntry[],
  { creator, alias }: { creator: UserId; alias: string | undefined },
): void {
  for (const { type, stateKey, content } of entries) {
    if (type === 'm.room.member' && stateKey !== creator) throw invalidRoomState('Members are invited, not set')
    const isNaming = type === 'm.room.canonical_alias' && stateKey === ''
    if (isNaming && aliasesIn(content).some((listed) => listed !== alias)) throw badAlias()
  }
}
