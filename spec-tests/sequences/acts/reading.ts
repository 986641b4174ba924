import { inRoom, type Act } from './act.ts'

const receipt =
  (type: string, isThreaded: boolean): Act['run'] =>
  ({ user, room, eventId, choice }) => {
    const root = room.roots[choice % 3] ?? 'main'
    const body = isThreaded ? { thread_id: choice > 4 ? 'main' : root } : {}
    return user.request('POST', inRoom(room, 'receipt', type, eventId), body)
  }

export const readingActs = {
  receipt: { weight: 4, run: receipt('m.read', false) },
  privateReceipt: { weight: 3, run: receipt('m.read.private', false) },
  threadReceipt: { weight: 4, run: receipt('m.read', true) },
  privateThreadReceipt: { weight: 2, run: receipt('m.read.private', true) },
  readMarkers: {
    weight: 2,
    run: ({ user, room, eventId, choice }) =>
      user.request('POST', inRoom(room, 'read_markers'), {
        'm.fully_read': eventId,
        ...(choice % 2 === 1 && { 'm.read': eventId }),
      }),
  },
  type: {
    weight: 3,
    run: ({ user, room, choice }) =>
      user.request('PUT', inRoom(room, 'typing', user.userId), { typing: choice !== 0, timeout: 20_000 }),
  },
} satisfies Record<string, Act>
