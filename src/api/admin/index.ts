import type { Endpoint } from '#http/endpoint.ts'
import { purging } from './purge.ts'
import { secretRegistration } from './register.ts'

/** What administrators may ask, at the paths their tools know. */
export const adminEndpoints: readonly Endpoint[] = [...secretRegistration, ...purging]
