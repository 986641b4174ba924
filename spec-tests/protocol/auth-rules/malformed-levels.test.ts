import assert from 'node:assert/strict'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { byVersion } from '../../support/generators/by-version.ts'
import { state } from '../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../support/generators/opened-room.ts'

type Place = { name: string; put: (value: JsonValue) => JsonObject; rule: Record<string, string> }

const places: Place[] = [
  { name: 'ban', put: (value) => ({ ban: value }), rule: { '1-5': '10.3.1', '6-9': '9.3.1' } },
  { name: 'events', put: (value) => ({ events: { y: value } }), rule: { '1-5': '10.4.1', '6-9': '9.4.1' } },
  { name: 'notifications', put: (value) => ({ notifications: { y: value } }), rule: { '6-9': '9.4.1' } },
]

// NOTSPEC: what stays as it is was not changed; but Synapse, Dendrite and ruma refuse whatever comes after such levels.
describe('T14 after first power levels that hold what is no level, nobody changes any', () => {
  for (const { name, put, rule } of places)
    for (const odd of [null, 'x', true, [], {}])
      it(`in ${name}: ${JSON.stringify(odd)}`, () => {
        for (const [id] of byVersion({ '1-9': true })) {
          const room = unruledRoom(id, { levels: null })
          const levels = (content: JsonObject) => state(creator, 'm.room.power_levels', room.levels(content))
          assert.equal(room.rejectedBy(levels(put(odd))), undefined, `first in ${id}`)
          room.add(levels(put(odd)))
          const expected = byVersion(rule).get(id)
          for (const next of [put(odd), { ...put(odd), kick: 60 }, put(40), { kick: 60 }, {}])
            assert.equal(room.rejectedBy(levels(next)), expected, `${JSON.stringify(next)} in ${id}`)
        }
      })
})
