import type { Endpoint } from '#http/endpoint.ts'
import { login } from './login.ts'
import { registration } from './register.ts'

/** The client-server API in the specification's order. */
export const clientEndpoints: readonly Endpoint[] = [...login, ...registration]
