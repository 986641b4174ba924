import type { Context, Transaction } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isObject } from '#protocol/events/event.ts'
import { isValidEventId, serverOf, type EventId } from '#protocol/ids.ts'
import type { PassedEvent, Purge } from '#store/rooms/purges.ts'
import { historyPlan, sliceRows, type HistoryPlan, type Progress } from './purge-plan.ts'

type Needs = { tx: Transaction } & Pick<Context, 'config'>

/**
 * Takes the next piece of purged history off the disk. State stays, since later events have it in their auth chains, and so do the
 * redactions that emptied it.
 */
export async function deleteHistorySlice({ tx, config }: Needs, purge: Purge): Promise<Progress> {
  const plan = historyPlan(purge)
  const limit = { upTo: plan.upTo, limit: sliceRows }
  const stay = { status: purge.status, plan: purge.plan, step: purge.step, cursor: purge.cursor }
  const nid = purge.roomNid ?? 0
  switch (purge.step) {
    case undefined:
      return { ...stay, step: 'branches' }
    case 'spans':
      return (await tx.rooms.purges.deleteIntervals(nid, limit)) === 0 ? { ...stay, step: 'receipts' } : stay
    case 'receipts':
      return (await tx.rooms.receipts.deleteSome(purge.roomId, limit)) === 0 ? { ...stay, step: 'events' } : stay
    case 'events': {
      const page = await tx.rooms.purges.passing(nid, { after: purge.cursor, ...limit })
      const last = page.at(-1)
      if (!last) return { ...stay, step: 'space' }
      await tx.rooms.purges.deleteEvents(await doomed(tx, page, { ...plan, serverName: config.server_name }))
      return { ...stay, cursor: last.position }
    }
    default:
      return (await tx.rooms.purges.giveSpaceBack(sliceRows)) ? stay : { ...stay, status: 'complete' }
  }
}

type Choice = HistoryPlan & { serverName: string }

async function doomed(tx: Transaction, page: readonly PassedEvent[], choice: Choice): Promise<number[]> {
  const going = page.filter(({ isState, isRejected, sender }) => {
    if (isState) return isRejected
    return choice.deleteLocal || serverOf(sender) !== choice.serverName
  })
  const needed = await neededRedactions(tx, going, choice)
  return going.filter(({ eventId }) => !needed.has(eventId)).map(({ position }) => position)
}

/** Of those that go, the redactions whose targets stay. */
async function neededRedactions(tx: Transaction, going: readonly PassedEvent[], choice: Choice): Promise<Set<EventId>> {
  const redactions = going.filter(({ type }) => type === 'm.room.redaction')
  const targets = await tx.rooms.events.findMany(redactions.flatMap(({ clientJson }) => targetsOf(clientJson)))
  const staying = targets.filter(
    ({ stateKey, position, sender }) =>
      stateKey !== null || position > choice.upTo || (!choice.deleteLocal && serverOf(sender) === choice.serverName),
  )
  return new Set(staying.flatMap(({ redactedBy }) => redactedBy ?? []))
}

/** The target of a redaction, in whichever of both places its room version looks. */
function targetsOf(clientJson: string): EventId[] {
  const { redacts, content } = JSON.parse(clientJson) as JsonObject
  return [redacts, isObject(content) ? content.redacts : undefined].filter(
    (target) => typeof target === 'string' && isValidEventId(target),
  )
}
