import fc from 'fast-check'
import type { JsonObject } from '#protocol/events/event.ts'
import { createAccount } from '#services/accounts/registration/create-account.ts'
import { MatrixError } from '#base/errors.ts'
import { createRoom } from '#services/rooms/write/create.ts'
import { joinRoom } from '#services/rooms/membership/join.ts'
import { kickUser } from '#services/rooms/membership/moderate.ts'
import { leaveRoom } from '#services/rooms/membership/leave.ts'
import { redactEvent } from '#services/rooms/write/redact.ts'
import { sendEvent } from '#services/rooms/write/send.ts'
import { setState } from '#services/rooms/write/set-state.ts'
import { requestHistoryPurge } from '#services/rooms/purge/purge-history.ts'
import { testPassword } from '../../../support/server/client.ts'
import { eventsOf } from '../../../support/rooms/rooms.ts'
import { assertRoomsAreRight } from '../../../support/rooms/room-check.ts'
import { startTestServer, type TestServer } from '../../../support/server/server.ts'
import type { EventId, RoomId, UserId } from '#protocol/ids.ts'

const names = ['ann', 'bea', 'cyd']
const userOf = (index: number): UserId => `@${names[index]}:test`

const user = fc.nat({ max: names.length - 1 })
const act = fc.oneof(
  fc.record({ do: fc.constant('join' as const), who: user, whom: user, pick: fc.nat() }),
  fc.record({
    do: fc.constantFrom('leave', 'kick', 'send', 'redact', 'react', 'topic', 'name', 'purge'),
    who: user,
    whom: user,
    pick: fc.nat(),
  }),
)
type Act = { do: string; who: number; whom: number; pick: number }

/** One step of a history; what the room does not allow is part of it. */
async function perform(
  { context }: TestServer,
  roomId: RoomId,
  { step, ...one }: Act & { step: number; ids: EventId[] },
) {
  const sender = userOf(one.who)
  const target = one.ids[one.pick % one.ids.length] ?? '$none'
  const transaction = { userId: sender, deviceId: 'D', scope: roomId, transactionId: String(step) }
  const send = (type: string, content: JsonObject) =>
    sendEvent(context, { roomId, sender, isAdmin: false, type, content, transaction })
  switch (one.do) {
    case 'join':
      return joinRoom(context, { roomId, userId: sender, content: {} })
    case 'leave':
      return leaveRoom(context, { roomId, userId: sender })
    case 'kick':
      return kickUser(context, { roomId, sender, userId: userOf(one.whom) })
    case 'send':
      return send('m.room.message', { msgtype: 'm.text', body: String(step) })
    case 'react':
      return send('m.reaction', { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: String(step) } })
    case 'redact':
      return redactEvent(context, { roomId, sender, isAdmin: false, target, content: {}, transaction })
    case 'purge':
      return requestHistoryPurge(context, { roomId, before: { eventId: target }, deleteLocal: one.whom > 0 })
    default:
      return setState(context, {
        roomId,
        sender,
        type: `m.room.${one.do}`,
        stateKey: '',
        content: { [one.do]: `${step % 3}` },
      })
  }
}

describe('rooms after busy histories', () => {
  it('hold nothing that their events do not say', async () => {
    await using server = await startTestServer()
    for (const localpart of names)
      await createAccount(server.context, { localpart, password: testPassword, admin: false })
    const version = fc.constantFrom('1', '6', '10', '11', '12')
    await fc.assert(
      fc.asyncProperty(version, fc.array(act, { minLength: 15, maxLength: 40 }), async (room_version, acts) => {
        const roomId = await createRoom(server.context, {
          creator: userOf(0),
          isPublished: false,
          preset: 'public_chat',
          invite: [],
          version: room_version,
          initialState: [],
          isDirect: false,
        })
        for (const [step, one] of acts.entries()) {
          const ids = (await eventsOf(server, roomId)).map(({ eventId }) => eventId)
          await perform(server, roomId, { ...one, step, ids }).catch((error: unknown) => {
            if (!(error instanceof MatrixError)) throw error
          })
        }
        await server.settle()
      }),
      { numRuns: 12 },
    )
    await assertRoomsAreRight(server.context)
  })
})
