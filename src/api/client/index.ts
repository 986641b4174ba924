import type { Endpoint } from '#http/endpoint.ts'

/** The client-server API in the specification's order. */
export const clientEndpoints: readonly Endpoint[] = []
