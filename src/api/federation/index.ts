import type { Endpoint } from '#http/endpoint.ts'
import { openid } from './openid.ts'

/** The server-server API in the specification's order. */
export const federationEndpoints: readonly Endpoint[] = [...openid]
