import type { TestReply } from '../../support/server/client.ts'
import { inRoom, type Act, type Chosen } from './act.ts'

/** Sends an event and remembers it, so that later steps can name it. */
async function send({ world, user, room }: Chosen, [type, content]: [string, object]): Promise<TestReply> {
  const reply = await user.request('PUT', inRoom(room, 'send', type, world.newTransaction()), content)
  if (reply.status === 200) room.events.push(reply.body.event_id)
  return reply
}

const text = (body: string) => ({ msgtype: 'm.text', body })
const related = (relType: string, eventId: string) => ({ 'm.relates_to': { rel_type: relType, event_id: eventId } })
const message = (chosen: Chosen, content: object) => send(chosen, ['m.room.message', content])

/** Replies gather in a few threads, so that they grow. */
const rootOf = ({ room, eventId, choice }: Chosen): string => {
  const known = room.roots[choice % 3]
  if (known !== undefined) return known
  room.roots.push(eventId)
  return eventId
}

export const talkActs = {
  send: {
    weight: 20,
    run: (chosen) =>
      message(chosen, {
        ...text(`message ${chosen.world.newTransaction()}`),
        ...(chosen.choice === 7 && { 'm.mentions': { user_ids: [chosen.target.userId] } }),
      }),
  },
  replyInThread: {
    weight: 8,
    run: (chosen) => message(chosen, { ...text('in a thread'), ...related('m.thread', rootOf(chosen)) }),
  },
  edit: {
    weight: 3,
    run: (chosen) =>
      message(chosen, {
        ...text('* edited'),
        'm.new_content': text('edited'),
        ...related('m.replace', chosen.eventId),
      }),
  },
  react: {
    weight: 3,
    run: ({ choice, ...chosen }) =>
      send({ ...chosen, choice }, [
        'm.reaction',
        { 'm.relates_to': { rel_type: 'm.annotation', event_id: chosen.eventId, key: `key ${choice % 2}` } },
      ]),
  },
  refer: {
    weight: 2,
    run: (chosen) => message(chosen, { ...text('as said'), ...related('m.reference', chosen.eventId) }),
  },
  redact: {
    weight: 5,
    run: async ({ world, user, room, eventId }) =>
      user.request('PUT', inRoom(room, 'redact', eventId, world.newTransaction()), {}),
  },
} satisfies Record<string, Act>
