import fc from 'fast-check'

export const visibilities = ['shared', 'joined', 'invited', 'world_readable'] as const

/** How a device asks /sync. */
export type SyncShape = { name: string; filter: Filter; stateAfter?: boolean }
type Filter = {
  room: {
    timeline?: { limit?: number; types?: string[]; not_types?: string[]; unread_thread_notifications?: boolean }
    state?: { lazy_load_members?: boolean; include_redundant_members?: boolean }
  }
}

const lazy = { lazy_load_members: true }

export const shapes: readonly SyncShape[] = [
  { name: 'plain', filter: { room: {} } },
  { name: 'lazy', filter: { room: { timeline: { limit: 20 }, state: lazy } } },
  { name: 'limit 1', filter: { room: { timeline: { limit: 1 } } } },
  { name: 'lazy, limit 2', filter: { room: { timeline: { limit: 2 }, state: lazy } } },
  { name: 'threads, limit 3', filter: { room: { timeline: { limit: 3, unread_thread_notifications: true } } } },
  { name: 'messages only', filter: { room: { timeline: { limit: 3, types: ['m.room.message'] } } } },
  { name: 'no members or names', filter: { room: { timeline: { not_types: ['m.room.member', 'm.room.name'] } } } },
  { name: 'state after, limit 2', filter: { room: { timeline: { limit: 2 } } }, stateAfter: true },
  {
    name: 'state after, lazy, messages only',
    filter: { room: { timeline: { limit: 2, types: ['m.room.message'] }, state: lazy } },
    stateAfter: true,
  },
  {
    name: 'lazy, redundant, threads',
    filter: {
      room: {
        timeline: { limit: 2, unread_thread_notifications: true },
        state: { ...lazy, include_redundant_members: true },
      },
    },
  },
]

export const isLazy = ({ filter }: SyncShape): boolean => filter.room.state?.lazy_load_members === true

export type RoomPlan = {
  creator: number
  joinRule: 'public' | 'invite' | 'knock'
  visibility: (typeof visibilities)[number]
  version: string
  isEncrypted: boolean
  /** Who is in from the start. */
  members: number[]
}

/** Who is there when a sequence begins. */
export type Setting = {
  /** For each person the shapes, by number, of the devices that follow what happens. */
  people: number[][]
  rooms: RoomPlan[]
}

const shape = fc.nat(shapes.length - 1)

const room: fc.Arbitrary<RoomPlan> = fc.record({
  creator: fc.nat(4),
  joinRule: fc.constantFrom('public', 'invite', 'knock'),
  visibility: fc.constantFrom(...visibilities),
  version: fc.constantFrom('12', '11', '10'),
  isEncrypted: fc.boolean(),
  members: fc.uniqueArray(fc.nat(4), { minLength: 1, maxLength: 5, size: 'max' }),
})

export const settings: fc.Arbitrary<Setting> = fc.record({
  people: fc.array(fc.array(shape, { minLength: 1, maxLength: 2 }), { minLength: 3, maxLength: 5 }),
  rooms: fc.array(room, { minLength: 2, maxLength: 4, size: 'small' }),
})
