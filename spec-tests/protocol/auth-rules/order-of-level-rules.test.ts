import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { state } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'

const mod = '@mod:one' as UserId

function ruleAgainst(id: string, from: JsonObject, to: JsonObject): string | undefined {
  const room = unruledRoom(id, { members: { [mod]: 'join' } })
  const levels = ({ users, ...rest }: JsonObject) =>
    state(
      creator,
      'm.room.power_levels',
      room.levels({ state_default: 0, users: { [mod]: 50, ...(users as object) }, ...rest }),
    )
  room.add(levels(from))
  return room.rejectedBy({ ...levels(to), sender: mod })
}

describe('the rules about changed power levels', () => {
  const oldEntry = byVersion({ '1-5': '10.4.1', '6-9': '9.4.1', '10-11': '9.6.1', '12': '10.7.1' })
  const oldUser = byVersion({ '1-5': '10.6.1', '6-9': '9.6.1', '10-11': '9.8.1', '12': '10.9.1' })

  it('ask for all old values of events and notifications before any new one', () => {
    for (const [id, rule] of oldEntry)
      assert.equal(ruleAgainst(id, { events: { a: 0, b: 60 } }, { events: { a: 60, b: 0 } }), rule, id)
    for (const [id, rule] of oldEntry)
      if (Number(id) >= 6) assert.equal(ruleAgainst(id, { notifications: { b: 60 } }, { events: { a: 60 } }), rule, id)
  })

  it('ask for all old levels of users before any new one', () => {
    const [low, high] = ['@low:one', '@high:one']
    for (const [id, rule] of oldUser)
      assert.equal(ruleAgainst(id, { users: { [low]: 0, [high]: 60 } }, { users: { [low]: 60, [high]: 0 } }), rule, id)
  })
})
