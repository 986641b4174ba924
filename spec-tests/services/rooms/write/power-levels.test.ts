import assert from 'node:assert/strict'
import fc from 'fast-check'
import { isObject, type JsonObject } from '#protocol/events/event.ts'
import { readPowerLevels } from '#protocol/rooms/power-levels.ts'
import { roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import { initialPowerLevels } from '#services/rooms/write/initial-power-levels.ts'
import { upgradedPowerLevels } from '#services/rooms/upgrade/upgraded-power-levels.ts'
import type { UserId } from '#protocol/ids.ts'

const creator = '@creator:test'
const level = fc.integer({ min: -10, max: 200 })
const users = fc.dictionary(fc.constantFrom('@a:test', '@b:test', '@c:test'), level)
const levels = fc.record(
  {
    ban: level,
    invite: level,
    state_default: level,
    users,
    events: fc.dictionary(fc.constantFrom('m.room.name', 'm.room.tombstone', 'org.example'), level),
  },
  { requiredKeys: [] },
)
const version = fc.constantFrom(...roomVersions)
const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)

describe('the first power levels of a room', () => {
  it('are what the client says where it says something, and the defaults elsewhere', () => {
    fc.assert(
      fc.property(version, levels, (of, override) => {
        const plain = initialPowerLevels({ creator, equals: [] }, of)
        const merged = initialPowerLevels({ creator, equals: [], override: override as JsonObject }, of)
        for (const key of Object.keys({ ...plain, ...override })) {
          if (key === 'events') continue
          const wanted = Object.hasOwn(override, key) ? (override as JsonObject)[key] : plain[key]
          assert.ok(same(merged[key], wanted), key)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('guard the tombstone above ordinary state from version 12, unless the client says otherwise', () => {
    fc.assert(
      fc.property(levels, (override) => {
        const merged = initialPowerLevels({ creator, equals: [], override: override as JsonObject }, roomVersion('12')!)
        const said = override.events?.['m.room.tombstone']
        const { required } = readPowerLevels(
          { powerLevels: { content: merged }, create: undefined },
          roomVersion('12')!,
        )
        if (said === undefined) assert.ok(required('m.room.tombstone', true) > required('org.example.state', true))
        else assert.equal(required('m.room.tombstone', true), said)
      }),
      { numRuns: 200 },
    )
  })
})

describe('the power levels of a replacement room', () => {
  const upgrade = fc.record({
    from: version,
    to: version,
    content: levels,
    additional: fc.subarray<UserId>(['@a:test', '@b:test']),
  })

  it('give nobody more and nobody less than before, but for those who become or cease to be creators', () => {
    fc.assert(
      fc.property(upgrade, ({ from, to, content, additional }) => {
        const replaced = { content: content as JsonObject, version: from, creators: ['@old:test' as const] }
        const { final } = upgradedPowerLevels(replaced, { version: to, creator, additional })
        const before = isObject(replaced.content.users) ? replaced.content.users : {}
        const after = final.users as JsonObject
        const owners = to.creatorsOutrankAll ? [creator, ...additional] : []
        for (const user of ['@a:test', '@b:test', '@c:test'])
          assert.equal(after[user], owners.includes(user) ? undefined : before[user])
      }),
      { numRuns: 200 },
    )
  })

  it('let the one who upgrades set everything at first, before version 12', () => {
    fc.assert(
      fc.property(upgrade, ({ from, to, content }) => {
        fc.pre(!to.creatorsOutrankAll)
        const replaced = { content: content as JsonObject, version: from, creators: [] }
        const { initial, final } = upgradedPowerLevels(replaced, { version: to, creator, additional: [] })
        const read = (powerLevels: JsonObject) =>
          readPowerLevels({ powerLevels: { content: powerLevels }, create: undefined }, to)
        const own = read(initial).ofUser(creator)
        for (const user of ['@a:test', '@b:test', '@c:test'] as const) assert.ok(own >= read(final).ofUser(user))
        for (const type of ['m.room.name', 'm.room.tombstone', 'm.room.power_levels', 'org.example'])
          assert.ok(own >= read(initial).required(type, true))
      }),
      { numRuns: 200 },
    )
  })
})
