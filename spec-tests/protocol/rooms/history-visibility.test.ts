import assert from 'node:assert/strict'
import {
  historyVisibilityOf,
  mayReadEvent,
  mayServerRead,
  type HistoryVisibility,
} from '#protocol/rooms/history-visibility.ts'

const visibilities: HistoryVisibility[] = ['world_readable', 'shared', 'invited', 'joined']
const memberships = [undefined, 'leave', 'ban', 'knock', 'invite', 'join']

function mayRead(visibility: HistoryVisibility, membership: string | undefined, joinedSince = false): boolean {
  return mayReadEvent({
    visibilityBefore: visibility,
    visibilityAfter: visibility,
    membershipBefore: membership,
    membershipAfter: membership,
    joinedSince,
  })
}

describe('history visibility', () => {
  const readable: Record<HistoryVisibility, (string | undefined)[]> = {
    world_readable: memberships,
    shared: ['join'],
    invited: ['invite', 'join'],
    joined: ['join'],
  }
  for (const visibility of visibilities)
    it(`of ${visibility} is for the right people`, () => {
      for (const membership of memberships) {
        const expected = readable[visibility].includes(membership)
        assert.equal(mayRead(visibility, membership), expected, `${membership}`)
        assert.equal(
          mayRead(visibility, membership, true),
          expected || visibility === 'shared',
          `${membership}, then join`,
        )
      }
    })

  it('counts as before or after for the event that changes it', () => {
    const outsider = { membershipBefore: undefined, membershipAfter: undefined, joinedSince: false }
    const change = (visibilityBefore: HistoryVisibility, visibilityAfter: HistoryVisibility) =>
      mayReadEvent({ ...outsider, visibilityBefore, visibilityAfter })
    assert.equal(change('world_readable', 'joined'), true)
    assert.equal(change('joined', 'world_readable'), true)
    assert.equal(change('shared', 'joined'), false)
  })

  it("counts a reader's membership before or after for the event that changes it", () => {
    const joined = { visibilityBefore: 'joined', visibilityAfter: 'joined', joinedSince: false } as const
    const change = (membershipBefore: string | undefined, membershipAfter: string) =>
      mayReadEvent({ ...joined, membershipBefore, membershipAfter })
    assert.equal(change(undefined, 'join'), true)
    assert.equal(change('join', 'ban'), true)
    assert.equal(change('invite', 'leave'), false)
  })

  it('is shared when nothing understandable says otherwise', () => {
    for (const visibility of visibilities)
      assert.equal(historyVisibilityOf({ content: { history_visibility: visibility } }), visibility)
    assert.equal(historyVisibilityOf(undefined), 'shared')
    for (const odd of ['private', '', null, 7, ['joined']])
      assert.equal(historyVisibilityOf({ content: { history_visibility: odd } }), 'shared')
  })

  it('lets servers have what one of their users may read', () => {
    assert.equal(mayServerRead('shared', []), true)
    assert.equal(mayServerRead('world_readable', []), true)
    assert.equal(mayServerRead('joined', ['leave', 'invite']), false)
    assert.equal(mayServerRead('joined', ['leave', 'join']), true)
    assert.equal(mayServerRead('invited', ['invite']), true)
  })
})
