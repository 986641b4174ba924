import type { Endpoint } from '#http/endpoint.ts'

/** The server-server API in the specification's order. */
export const federationEndpoints: readonly Endpoint[] = []
