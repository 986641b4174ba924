import assert from 'node:assert/strict'
import { authorize } from '#protocol/auth-rules/authorize.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import { readPowerLevels, type PowerLevels } from '#protocol/rooms/power-levels.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'
import { byVersion } from '../../../support/generators/by-version.ts'
import { levelValues } from '../../../support/generators/level-values.ts'
import { state } from '../../../support/generators/acts.ts'
import { creator, unruledRoom } from '../../../support/generators/opened-room.ts'

const user = '@a:b'
const most = Number.MAX_SAFE_INTEGER

type Place = {
  place: string
  put(value: JsonValue): JsonObject
  read(levels: PowerLevels): number
  /** What holds where nothing is said. */
  otherwise: number
  /** The rule about the form, in the versions that have one. */
  form: Record<string, string>
}

const named = (place: string, otherwise: number, read: Place['read']): Place => ({
  ...{ place, otherwise, read },
  put: (value) => ({ [place]: value }),
  form: { '10-11': '9.1', '12': '10.1' },
})
const map = { '10-11': '9.2', '12': '10.2' }

const places: Place[] = [
  named('ban', 50, (levels) => levels.ban),
  named('kick', 50, (levels) => levels.kick),
  named('redact', 50, (levels) => levels.redact),
  named('invite', 0, (levels) => levels.invite),
  named('users_default', 0, (levels) => levels.ofUser(user)),
  named('state_default', 50, (levels) => levels.required('x', true)),
  named('events_default', 0, (levels) => levels.required('x', false)),
  {
    place: 'events',
    put: (value) => ({ events: { x: value } }),
    read: (levels) => levels.required('x', true),
    otherwise: 50,
    form: map,
  },
  {
    place: 'notifications',
    put: (value) => ({ notifications: { room: value } }),
    read: (levels) => levels.notifications.room,
    otherwise: 50,
    form: map,
  },
  {
    place: 'users',
    put: (value) => ({ users: { [user]: value } }),
    read: (levels) => levels.ofUser(user),
    otherwise: 0,
    form: { '1-5': '10.1', '6-9': '9.1', '10-11': '9.3', '12': '10.3' },
  },
]

/** A room whose creator has the highest level there is, and what its power levels say beside that. */
function roomOf(id: string) {
  const room = unruledRoom(id, { levels: null })
  const beside = (content: JsonObject): JsonObject => {
    const users = { ...(room.version.creatorsOutrankAll ? {} : { [creator]: most }), ...(content.users as JsonObject) }
    return { ...content, users }
  }
  const first = room.make(state(creator, 'm.room.power_levels', {}))
  room.add(state(creator, 'm.room.power_levels', beside({})))
  const next = room.make(state(creator, 'm.room.power_levels', beside({})))
  /** Not every value can be signed, so the events are not made anew. */
  const judge = (event: typeof next, content: JsonObject, known = room.state) =>
    authorize({ ...event, content: beside(content) }, room.version, known)?.rule
  return {
    room,
    asFirst: (content: JsonObject) =>
      judge(first, content, (type, key) => (type === 'm.room.power_levels' ? undefined : room.state(type, key))),
    asChange: (content: JsonObject) => judge(next, content),
  }
}

describe('T14 each field of the power levels', () => {
  const rooms = new Map(roomVersions.map(({ id }) => [id, roomOf(id)]))

  for (const { place, put, read, otherwise, form } of places) {
    const rules = byVersion(form)
    const each = function* () {
      for (const { value, level } of levelValues)
        for (const [id, opened] of rooms) {
          const label = `${JSON.stringify(value)} in version ${id}`
          yield { ...opened, id, value, level: level.get(id), rule: rules.get(id), label }
        }
    }

    it(`is read as its version says: ${place}`, () => {
      for (const { room, value, level, label } of each()) {
        const levels = readPowerLevels({ powerLevels: { content: put(value) }, create: room.create }, room.version)
        assert.equal(read(levels), level ?? otherwise, label)
      }
    })

    it(`is judged so in the first power levels: ${place}`, () => {
      for (const { asFirst, value, level, rule, label } of each())
        assert.equal(asFirst(put(value)), level === undefined ? rule : undefined, label)
    })

    it(`is judged so when it changes: ${place}`, () => {
      for (const { asChange, id, value, level, rule, label } of each()) {
        // Before version 6 nothing is said of notifications.
        const isFree = level !== undefined || (place === 'notifications' && Number(id) < 6)
        if (isFree) assert.equal(asChange(put(value)), undefined, label)
        else if (rule !== undefined) assert.equal(asChange(put(value)), rule, label)
        else assert.notEqual(asChange(put(value)), undefined, label)
      }
    })

    it(`may be missing: ${place}`, () => {
      for (const [id, { room, asFirst, asChange }] of rooms) {
        const levels = readPowerLevels({ powerLevels: { content: {} }, create: room.create }, room.version)
        assert.deepEqual([asFirst({}), asChange({}), read(levels)], [undefined, undefined, otherwise], id)
      }
    })
  }
})
