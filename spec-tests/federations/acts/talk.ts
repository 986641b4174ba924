import type { TestReply } from '../../support/server/client.ts'
import { client, inRoom, type Act, type Chosen } from './act.ts'
import { isIn, type WorldRoom } from '../world.ts'

/** Remembers an event that a client was told to be sent, so that later steps can name it and the end can look for it. */
export async function noteSent({ world, person, room }: Chosen, reply: TestReply): Promise<TestReply> {
  if (reply.status !== 200) return reply
  const eventId: string = reply.body.event_id
  if (room.first.has(eventId) || room.sent.some((known) => known.eventId === eventId)) return reply
  room.events.push(eventId)
  room.sent.push({ eventId, by: person.server.name, witnesses: await serversIn(world.servers, room) })
  return reply
}

async function serversIn(servers: Chosen['world']['servers'], room: WorldRoom): Promise<Set<string>> {
  const present = new Set<string>()
  for (const server of servers) if (server.isRunning && (await isIn(server, room))) present.add(server.name)
  return present
}

async function send(chosen: Chosen, [type, content]: [string, object]): Promise<TestReply> {
  const { world, user, room } = chosen
  const path = inRoom(room, 'send', type, `t${world.nextNumber()}`)
  return noteSent(chosen, await user.request('PUT', path, content))
}

export const text = (body: string) => ({ msgtype: 'm.text', body })

export const talkActs = {
  send: {
    weight: 20,
    run: (chosen) => send(chosen, ['m.room.message', text(`message ${chosen.world.nextNumber()}`)]),
  },
  react: {
    weight: 2,
    run: async (chosen) =>
      chosen.eventId === undefined
        ? undefined
        : send(chosen, [
            'm.reaction',
            { 'm.relates_to': { rel_type: 'm.annotation', event_id: chosen.eventId, key: `key ${chosen.choice % 2}` } },
          ]),
  },
  edit: {
    weight: 2,
    run: async (chosen) =>
      chosen.eventId === undefined
        ? undefined
        : send(chosen, [
            'm.room.message',
            {
              ...text('* edited'),
              'm.new_content': text('edited'),
              'm.relates_to': { rel_type: 'm.replace', event_id: chosen.eventId },
            },
          ]),
  },
  redact: {
    weight: 4,
    run: async (chosen) => {
      const { world, user, room, eventId } = chosen
      if (eventId === undefined) return undefined
      return noteSent(chosen, await user.request('PUT', inRoom(room, 'redact', eventId, `t${world.nextNumber()}`), {}))
    },
  },
  type: {
    weight: 2,
    run: ({ user, room, choice }) =>
      user.request('PUT', inRoom(room, 'typing', user.userId), { typing: choice !== 0, timeout: 20_000 }),
  },
  receipt: {
    weight: 3,
    run: async ({ user, room, eventId }) =>
      eventId === undefined ? undefined : user.request('POST', inRoom(room, 'receipt', 'm.read', eventId), {}),
  },
  rename: {
    weight: 2,
    run: ({ user, world }) =>
      user.request('PUT', `${client}/profile/${encodeURIComponent(user.userId)}/displayname`, {
        displayname: `name ${world.nextNumber()}`,
      }),
  },
} satisfies Record<string, Act>
