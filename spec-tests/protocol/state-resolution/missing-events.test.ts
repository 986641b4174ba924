import assert from 'node:assert/strict'
import type { Pdu } from '#protocol/events/event.ts'
import type { EventId } from '#protocol/ids.ts'
import { roomVersion, roomVersions } from '#protocol/rooms/room-version.ts'
import { resolveState } from '#protocol/state-resolution/resolve.ts'
import { stateKey } from '#protocol/state-resolution/state-map.ts'
import { generateHistory } from '../../support/generators/history-generator.ts'

const chainLength = 10_000

/** A chain of power levels, each citing the one before, as long as a hostile server cares to make it. */
function powerLevelChain(versionId: string, isCyclic = false) {
  const version = roomVersion(versionId)!
  const events = new Map<EventId, Pdu>()
  const create: EventId = '$create:s'
  const add = (id: EventId, type: string, key: string, auth: EventId[], number: number) => {
    const references = version.eventFormat === 'v1' ? auth.map((each) => [each, { sha256: '' }]) : auth
    const users = version.creatorsOutrankAll ? {} : { '@a:s': 100 }
    events.set(id, {
      type,
      sender: '@a:s',
      room_id: '!create:s',
      state_key: key,
      content: { membership: 'join', creator: '@a:s', users, note: number },
      origin_server_ts: number,
      depth: number,
      prev_events: [],
      auth_events: references as EventId[],
      hashes: { sha256: '' },
      signatures: {},
    })
    return id
  }
  add(create, 'm.room.create', '', [], 0)
  const member = add('$member:s', 'm.room.member', '@a:s', [create], 1)
  const levels: EventId[] = []
  for (let number = 0; number < chainLength; number++) {
    const before = levels.at(-1) ?? (isCyclic ? (`$pl${chainLength - 1}:s` as const) : undefined)
    const auth = before === undefined ? [create, member] : [create, member, before]
    levels.push(add(`$pl${number}:s`, 'm.room.power_levels', '', auth, number + 2))
  }
  const topics = [0, chainLength - 1].map((at) =>
    add(`$topic${at}:s`, 'm.room.topic', '', [create, member, levels[at]!], chainLength + at),
  )
  const base = new Map([
    [stateKey('m.room.create', ''), create],
    [stateKey('m.room.member', '@a:s'), member],
  ])
  const [old, fresh] = [new Map(base), new Map(base)]
  old.set(stateKey('m.room.power_levels', ''), levels[0]!).set(stateKey('m.room.topic', ''), topics[0]!)
  fresh.set(stateKey('m.room.power_levels', ''), levels.at(-1)!).set(stateKey('m.room.topic', ''), topics[1]!)
  return { version, events, sets: [old, fresh], last: levels.at(-1)!, topic: topics[1]! }
}

describe('state resolution without the events it needs', () => {
  for (const version of roomVersions) {
    it(`names them, round by round, until the result is that of knowing all, in version ${version.id}`, () => {
      const { room } = generateHistory({ version, seed: 7, events: 120 })
      for (const { sets, resolved } of [...room.replay.merges.values()].slice(-5)) {
        const loaded = new Map<EventId, Pdu>()
        const event = (id: EventId) => loaded.get(id)
        const isRejected = (id: EventId) => room.replay.rejected.has(id)
        let answer = resolveState({ version, sets, event, isRejected })
        for (let rounds = 0; answer.missing !== undefined; rounds++) {
          assert.ok(rounds < 500, 'every round brings new events')
          assert.ok(answer.missing.every((id) => !loaded.has(id)))
          for (const id of answer.missing) loaded.set(id, room.replay.events.get(id)!)
          answer = resolveState({ version, sets, event, isRejected })
        }
        assert.deepEqual(answer.state, resolved)
      }
    })
  }

  it('asks for nothing where nothing is in conflict', () => {
    const set = new Map([[stateKey('m.room.create', ''), '$create:s' as const]])
    const nothing = () => undefined
    const input = { version: roomVersion('10')!, event: nothing, isRejected: () => false }
    assert.deepEqual(resolveState({ ...input, sets: [set, new Map(set)] }), { state: set })
    assert.deepEqual(resolveState({ ...input, sets: [set] }), { state: set })
    assert.deepEqual(resolveState({ ...input, sets: [] }), { state: new Map() })
  })

  it('takes auth chains from an index in place of events', () => {
    const { room } = generateHistory({ version: roomVersion('10')!, seed: 3, events: 300 })
    const { events, rejected, merges, version } = room.replay
    for (const { sets, resolved } of [...merges.values()].slice(-20)) {
      const asked = new Set<EventId>()
      const event = (id: EventId) => (asked.add(id), events.get(id))
      const authEventsOf = (id: EventId) => events.get(id)!.auth_events as EventId[]
      const answer = resolveState({ version, sets, event, isRejected: (id) => rejected.has(id), authEventsOf })
      assert.deepEqual(answer, { state: resolved })
      assert.ok(asked.size < events.size)
    }
  })

  it('takes the auth difference and the conflicted subgraph from an index', () => {
    const { version, events, sets, last, topic } = powerLevelChain('11')
    const input = { version, sets, event: (id: EventId) => events.get(id), isRejected: () => false }
    const authDifference = new Set(Array.from(events.keys()).filter((id) => id.startsWith('$pl')))
    const given = resolveState({ ...input, authDifference })

    assert.deepEqual(given, resolveState(input))
    assert.equal(given.state!.get(stateKey('m.room.power_levels', '')), last)
    assert.equal(given.state!.get(stateKey('m.room.topic', '')), topic)
  })
})

describe('state resolution of adversarial auth chains', () => {
  for (const version of ['2', '11', '12']) {
    it(`resolves over ${chainLength} power levels in a row in version ${version}`, () => {
      const { events, sets, last, topic, ...rest } = powerLevelChain(version)
      const { state } = resolveState({ ...rest, sets, event: (id) => events.get(id), isRejected: () => false })
      assert.equal(state!.get(stateKey('m.room.power_levels', '')), last)
      assert.equal(state!.get(stateKey('m.room.topic', '')), topic)
    })

    it(`comes to an end where the auth events run in a circle in version ${version}`, () => {
      const { events, sets, ...rest } = powerLevelChain(version, true)
      const { state } = resolveState({ ...rest, sets, event: (id) => events.get(id), isRejected: () => false })
      assert.ok(state!.has(stateKey('m.room.member', '@a:s')))
    })
  }
})
