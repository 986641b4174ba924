import type { Transaction } from '#context.ts'
import type { Purge, RoomTable } from '#store/rooms/purges.ts'
import { sliceRows, type Progress } from './purge-plan.ts'

const tables: readonly RoomTable[] = [
  'memberships',
  'outside_memberships',
  'room_state',
  'relations',
  'event_branches',
  'early_redactions',
  'history_gaps',
]
/** What goes after the room is hidden, in this order. */
const steps = [...tables, 'events', 'receipts', 'account_data', 'destination_rooms', 'space'] as const

type Step = (typeof steps)[number]

/** Takes the next piece of a hidden room off the disk. */
export async function deleteRoomSlice(tx: Transaction, purge: Purge): Promise<Progress> {
  const step = purge.step as Step
  const stay = { status: purge.status, plan: purge.plan, step, cursor: purge.cursor }
  if (await deleteSlice(tx, purge, step)) return stay
  const next = steps[steps.indexOf(step) + 1]
  return next ? { ...stay, step: next } : { ...stay, status: 'complete' }
}

/** The first step of the collection, which follows the hiding. */
export const firstRoomStep: Step = steps[0] as Step

/** False when the step has nothing left to do. What is kept by room id may be of the room anew, if it was entered since. */
async function deleteSlice(tx: Transaction, { roomId, roomNid = 0 }: Purge, step: Step): Promise<boolean> {
  const everything = { upTo: Number.MAX_SAFE_INTEGER, limit: sliceRows }
  switch (step) {
    case 'events': {
      const page = await tx.rooms.purges.passing(roomNid, { after: Number.MIN_SAFE_INTEGER, ...everything })
      await tx.rooms.purges.deleteEvents(page.map(({ position }) => position))
      return page.length > 0
    }
    case 'receipts':
      if (await tx.rooms.rooms.find(roomId)) return false
      return (await tx.rooms.receipts.deleteSome(roomId, everything)) > 0
    case 'account_data':
      if (await tx.rooms.rooms.find(roomId)) return false
      return (await tx.accounts.accountData.deleteForRoom(roomId, sliceRows)) > 0
    case 'destination_rooms':
      return (await tx.federation.destinationRooms.deleteSome(roomNid, sliceRows)) > 0
    case 'space':
      return tx.rooms.purges.giveSpaceBack(sliceRows)
    default:
      return (await tx.rooms.purges.deleteRoomRows(step, roomNid, sliceRows)) > 0
  }
}
