import { Type } from '@sinclair/typebox'
import { publicBaseUrl } from '#base/config/public-url.ts'
import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { endpoint } from '#http/endpoint.ts'
import { encodePublicKey } from '#protocol/events/signing-key.ts'

const Fields = Type.Object({}, { additionalProperties: true })

/** https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient */
export const getWellKnownClient = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/client',
  auth: 'none',
  reply: Type.Object({ 'm.homeserver': Type.Object({ base_url: Type.String() }) }),
  summary: 'Names the server of this domain to clients.',
  spec: 'client-server-api/#getwell-knownmatrixclient',
  async handle({ config }) {
    return { 'm.homeserver': { base_url: publicBaseUrl(config) } }
  },
})

/** https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver */
export const getWellKnownServer = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/server',
  auth: 'none',
  reply: Type.Object({ 'm.server': Type.String() }),
  summary: 'Names the server of this domain to other servers.',
  spec: 'server-server-api/#getwell-knownmatrixserver',
  async handle(ctx) {
    return { 'm.server': publicAuthority(ctx) }
  },
})

/** Where other servers find this one: as configured, else where clients do, with its port, as other servers would take 8448. */
function publicAuthority({ config }: Context): string {
  if (!config.federation.enabled) throw notFound()
  if (config.federation.well_known_server !== undefined) return config.federation.well_known_server
  if (config.public_base_url === undefined) throw notFound()
  const { hostname, port, protocol } = new URL(config.public_base_url)
  return `${hostname}:${port || (protocol === 'http:' ? 80 : 443)}`
}

/** https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixsupport */
export const getWellKnownSupport = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/support',
  auth: 'none',
  reply: Fields,
  summary: 'Names whom to ask about this server.',
  spec: 'client-server-api/#getwell-knownmatrixsupport',
  async handle({ config }) {
    const { contacts, page } = config.support
    if (contacts.length === 0 && page === undefined) throw notFound()
    return { ...(contacts.length > 0 && { contacts }), ...(page !== undefined && { support_page: page }) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixpolicy_server */
export const getWellKnownPolicyServer = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/policy_server',
  auth: 'none',
  reply: Type.Object({ public_keys: Type.Object({ ed25519: Type.String() }) }),
  summary: 'The key by which this server recommends events as a Policy Server.',
  spec: 'client-server-api/#getwell-knownmatrixpolicy_server',
  async handle({ policyKey }) {
    if (!policyKey) throw notFound()
    return { public_keys: { ed25519: encodePublicKey(policyKey.publicKey) } }
  },
})

export const wellKnown = [getWellKnownClient, getWellKnownServer, getWellKnownSupport, getWellKnownPolicyServer]
