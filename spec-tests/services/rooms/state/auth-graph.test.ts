import assert from 'node:assert/strict'
import type { EventId } from '#protocol/ids.ts'
import { AuthGraph } from '#services/rooms/state/auth-graph.ts'
import type { IndexedEvent } from '#store/rooms/auth-index.ts'
import { SeededRandom } from '../../../support/generators/seeded-random.ts'

const idOf = (nid: number): EventId => `$${nid}`

/** Ten auth events each, as many as an event may cite, chosen so that paths multiply. */
function adversarial(count: number, random: SeededRandom): IndexedEvent[] {
  return Array.from({ length: count }, (_, index) => {
    const nid = index + 1
    const auth = new Set<number>()
    for (let cited = 0; cited < 10 && nid > 1; cited++) auth.add(Math.max(1, nid - 1 - random.below(20) ** 2))
    return { nid, position: nid, eventId: idOf(nid), type: 'm.room.member', stateKey: `@u${nid}:s`, auth: [...auth] }
  })
}

function graphOf(events: readonly IndexedEvent[]): AuthGraph {
  const graph = new AuthGraph()
  for (const event of events) graph.add(event)
  return graph
}

const chainByDefinition = (events: readonly IndexedEvent[], starts: readonly EventId[]): Set<EventId> => {
  const chain = new Set(starts)
  for (const id of chain) for (const auth of events[Number(id.slice(1)) - 1]!.auth) chain.add(idOf(auth))
  return chain
}

describe('auth graph', () => {
  it('T20 tells the difference in an adversarial graph of 10,000, where following every path would never end', () => {
    const events = adversarial(10_000, new SeededRandom(1))
    const graph = graphOf(events)
    const starts = [[idOf(9_999), idOf(9_000)], [idOf(10_000)], [idOf(9_998)]]
    const chains = starts.map((ids) => chainByDefinition(events, ids))
    const shared = chainByDefinition(events, [idOf(5_000)])
    const expected = [...new Set(chains.flatMap((chain) => [...chain]))].filter(
      (id) => !shared.has(id) && !chains.every((chain) => chain.has(id)),
    )
    assert.deepEqual(graph.difference(starts, [idOf(5_000)]), new Set(expected))
    assert.equal(graph.size, events.length)
  })

  it('tells the auth difference as it is defined', () => {
    const random = new SeededRandom(2)
    const events = adversarial(300, random)
    const graph = graphOf(events)
    for (let round = 0; round < 30; round++) {
      const pick = () => idOf(1 + random.below(300))
      const shared = [pick()]
      const starts = [[pick(), pick()], [pick()], [pick(), pick()]]
      const chains = starts.map((ids) => chainByDefinition(events, [...ids, ...shared]))
      const all = new Set(chains.flatMap((chain) => [...chain]))
      const expected = [...all].filter((id) => !chains.every((chain) => chain.has(id)))
      assert.deepEqual(new Set(graph.difference(starts, shared)), new Set(expected))
    }
  })

  it('answers for events in whatever order they came: those of before a join are counted downwards', () => {
    const graph = new AuthGraph()
    const event = (nid: number, auth: number[]) => ({
      nid,
      position: nid,
      eventId: idOf(nid),
      type: 't',
      stateKey: '',
      auth,
    })
    for (const each of [event(-1, []), event(-2, [-1]), event(1, [-2]), event(-3, [1])]) graph.add(each)
    assert.deepEqual(graph.chainOf([idOf(-3)]), new Set(['$-3', '$1', '$-2', '$-1']))
    assert.deepEqual([graph.bottom, graph.top], [-3, 1])
  })
})
