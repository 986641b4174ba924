import assert from 'node:assert/strict'
import type { JsonObject } from '#protocol/events/event.ts'
import type { UserId } from '#protocol/ids.ts'
import { byVersion } from './by-version.ts'
import { type Act, state } from './acts.ts'
import { type RoomSetup, creator, unruledRoom } from './opened-room.ts'
import type { TestRoom } from './test-room.ts'

/** What should happen in each version: the number of the rule that rejects, or 'allowed'. */
export type Expectation = Record<string, string>

export type RuleCase = {
  it: string
  room?: RoomSetup
  /** Power levels that the creator sets at the end; the creator has the usual one. */
  levels?: JsonObject
  event: Act | ((room: TestRoom) => Act)
  expect: Expectation
}

export const always: Expectation = { '1-12': 'allowed' }

/** One test for each case, over all the versions that its expectation names. */
export function checkRules(title: string, cases: readonly RuleCase[], base: RoomSetup = {}): void {
  describe(`T12 ${title}`, () => {
    for (const { it: name, room: setup, levels, event, expect } of cases)
      it(name, () => {
        for (const [id, expected] of byVersion(expect)) {
          const room = unruledRoom(id, { ...base, ...setup })
          if (levels) room.add(state(creator, 'm.room.power_levels', room.levels(levels)))
          const draft = typeof event === 'function' ? event(room) : event
          assert.equal(room.rejectedBy(draft) ?? 'allowed', expected, `version ${id}`)
        }
      })
  })
}

/** As expected before the version, and allowed from it on. */
export const allowedFrom = (first: number, before: Expectation): Expectation =>
  Object.fromEntries([...byVersion(before)].map(([id, rule]) => [id, Number(id) < first ? rule : 'allowed']))

/** Nothing is said of the versions before. */
export const from = (first: number, expected: Expectation): Expectation =>
  Object.fromEntries([...byVersion(expected)].filter(([id]) => Number(id) >= first))

/** The same by another sender. */
export const by = (sender: string, draft: Act): Act => ({ ...draft, sender: sender as UserId })

/** Power levels whose senders need not name the creator. */
export const levelsBy =
  (sender: string, content: JsonObject, stateKey = '') =>
  (room: TestRoom): Act =>
    state(sender, 'm.room.power_levels', room.levels(content), stateKey)

/** A rule about members: chapter 5 up to version 5 and in 12, else 4; one further down where joins may be authorised. */
const memberRule =
  (section: number) =>
  (rule: string, restricted = rule): Expectation => ({
    '1-5': `5.${section}.${rule}`,
    '6-7': `4.${section}.${rule}`,
    '8-11': `4.${section + 1}.${restricted}`,
    '12': `5.${section + 1}.${restricted}`,
  })

/** The numbers are those of version 1, and of version 8 where they differ. */
export const joinRule = memberRule(2)
export const inviteRule = memberRule(3)
export const leaveRule = memberRule(4)
export const banRule = memberRule(5)

/** From version 7, where knocking begins. */
export const knockRule = (rule: string): Expectation => ({
  '7': `4.6.${rule}`,
  '8-11': `4.7.${rule}`,
  '12': `5.7.${rule}`,
})

/** Of chapters 5 to 9 by their numbers in version 1. */
export const chapterRule = (chapter: number, rest = ''): Expectation => ({
  '1-5': `${chapter}${rest}`,
  '6-11': `${chapter - 1}${rest}`,
  '12': `${chapter}${rest}`,
})

/** A rule about changes of power levels, by its number in version 1. */
export const levelsRule = (rule: number, sub: number): Expectation => ({
  '1-5': `10.${rule}.${sub}`,
  '6-9': `9.${rule}.${sub}`,
  '10-11': `9.${rule + 2}.${sub}`,
  '12': `10.${rule + 3}.${sub}`,
})

/** What a membership must not be. */
export const unknownMembership: Expectation = { '1-5': '5.6', '6': '4.6', '7': '4.7', '8-11': '4.8', '12': '5.8' }
