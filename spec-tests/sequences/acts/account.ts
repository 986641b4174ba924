import { client, ofUser, type Act, type Chosen } from './act.ts'

const rules = `${client}/pushrules/global`

/** Lists are written whole: what is ignored afterwards stands in the body. */
async function ignore({ user, person, target, choice, world }: Chosen) {
  const ignored = choice < 5 && target !== person ? [target.userId] : []
  const content = { ignored_users: Object.fromEntries(ignored.map((userId) => [userId, {}])) }
  const reply = await user.request('PUT', ofUser(user, 'account_data', 'm.ignored_user_list'), content)
  if (reply.status === 200) world.noteIgnored(person, ignored)
  return reply
}

export const accountActs = {
  accountData: {
    weight: 2,
    run: ({ user, choice }) =>
      user.request('PUT', ofUser(user, 'account_data', `x.kind${choice % 2}`), { value: choice }),
  },
  roomAccountData: {
    weight: 2,
    run: ({ user, room, choice }) =>
      user.request('PUT', ofUser(user, 'rooms', room.roomId, 'account_data', `x.kind${choice % 2}`), { value: choice }),
  },
  direct: {
    weight: 1,
    run: ({ user, room, target }) =>
      user.request('PUT', ofUser(user, 'account_data', 'm.direct'), { [target.userId]: [room.roomId] }),
  },
  tag: {
    weight: 2,
    run: ({ user, room, choice }) => {
      const path = ofUser(user, 'rooms', room.roomId, 'tags', `u.tag${choice % 2}`)
      return choice < 5 ? user.request('PUT', path, { order: choice / 10 }) : user.request('DELETE', path)
    },
  },
  ignore: { weight: 3, run: ignore },
  mute: {
    weight: 3,
    run: ({ user, room, choice }) => {
      const path = `${rules}/room/${encodeURIComponent(room.roomId)}`
      if (choice > 4) return user.request('DELETE', path)
      return user.request('PUT', path, { actions: choice === 4 ? ['notify', { set_tweak: 'highlight' }] : [] })
    },
  },
  masterRule: {
    weight: 1,
    run: ({ user, choice }) =>
      user.request('PUT', `${rules}/override/.m.rule.master/enabled`, { enabled: choice % 2 === 1 }),
  },
  keyword: {
    weight: 1,
    run: ({ user, choice }) => {
      const path = `${rules}/content/word`
      if (choice > 4) return user.request('DELETE', path)
      return user.request('PUT', path, { pattern: 'thread', actions: ['notify', { set_tweak: 'highlight' }] })
    },
  },
  rename: {
    weight: 3,
    run: ({ user, choice, world }) =>
      user.request('PUT', `${client}/profile/${encodeURIComponent(user.userId)}/displayname`, {
        displayname: choice === 0 ? user.userId : `name ${world.newTransaction()}`,
      }),
  },
  presence: {
    weight: 2,
    run: ({ user, choice }) =>
      user.request('PUT', `${client}/presence/${encodeURIComponent(user.userId)}/status`, {
        presence: (['online', 'unavailable', 'offline'] as const)[choice % 3],
        ...(choice > 4 && { status_msg: `status ${choice}` }),
      }),
  },
} satisfies Record<string, Act>
