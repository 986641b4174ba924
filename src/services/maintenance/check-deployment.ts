import type { Context } from '#context.ts'
import { encodePublicKey, type SigningKey } from '#protocol/events/signing-key.ts'

type Needs = Pick<Context, 'store' | 'signingKey'>

/**
 * Refuses to work on data of another deployment: under another server name every stored user and room id belongs to
 * another server, and with another signing key other servers could not verify the events of this one. The first start
 * on an empty database stores both.
 */
export async function checkDeployment({ store, signingKey }: Needs): Promise<void> {
  const { serverName } = signingKey
  const known = await store.deployment.find()
  const owner = known?.serverName ?? (await store.deployment.serverOfAccounts())
  if (owner !== undefined && owner !== serverName)
    throw new Error(
      `This database belongs to the server ${owner}, but server_name is ${serverName}. ` +
        'A server cannot be renamed: set server_name back, or start with an empty data_dir or database.',
    )
  if (!known) return store.deployment.insert({ serverName, ...published(signingKey) })
  if (known.publicKey !== published(signingKey).publicKey)
    throw new Error(
      `This database was written with the signing key ${known.keyId}, but signing.key in data_dir holds another. ` +
        'Put the old file back from a backup; if it is lost for good, `myelin signing-key accept` goes on with the new one.',
    )
}

/** Accepts the current signing key, where the previous one is lost. */
export async function acceptSigningKey({ store, signingKey }: Needs): Promise<void> {
  await store.deployment.setKey(published(signingKey))
}

const published = ({ keyId, publicKey }: SigningKey) => ({ keyId, publicKey: encodePublicKey(publicKey) })
