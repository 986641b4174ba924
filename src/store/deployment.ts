import type { ServerName } from '#protocol/ids.ts'
import type { Db } from './engine/db.ts'

/** What must not change under the data of a server: events and ids are bound to both. */
export type Deployment = Readonly<{ serverName: ServerName; keyId: string; publicKey: string }>

type Row = { server_name: string; key_id: string; public_key: string; epoch: number }

export const deployment = (db: Db) => ({
  /** Undefined until a server has started on this database. */
  async find(): Promise<Deployment | undefined> {
    const row = await db<Row>('deployment').first()
    return row && { serverName: row.server_name, keyId: row.key_id, publicKey: row.public_key }
  },

  async insert({ serverName, keyId, publicKey }: Deployment): Promise<void> {
    await db<Row>('deployment').insert({ server_name: serverName, key_id: keyId, public_key: publicKey, epoch: 0 })
  },

  async setKey({ keyId, publicKey }: Pick<Deployment, 'keyId' | 'publicKey'>): Promise<void> {
    await db<Row>('deployment').update({ key_id: keyId, public_key: publicKey })
  },

  /** The server name of the oldest account, for a database that is older than this table. */
  async serverOfAccounts(): Promise<ServerName | undefined> {
    const row = await db('accounts').orderBy('created_at').first<{ user_id: string } | undefined>('user_id')
    return row?.user_id.slice(row.user_id.indexOf(':') + 1)
  },
})
