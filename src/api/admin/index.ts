import type { Endpoint } from '#http/endpoint.ts'
import { destinations } from './destinations.ts'
import { getPartialRooms } from './partial-rooms.ts'
import { purging } from './purge.ts'
import { secretRegistration } from './register.ts'

/** The administration API, at the paths of Synapse that tools know. */
export const adminEndpoints: readonly Endpoint[] = [...secretRegistration, ...purging, ...destinations, getPartialRooms]
