import type { Db } from '#store/engine/db.ts'
import type { UserId } from '#protocol/ids.ts'

export type InteractiveSession = Readonly<{
  sessionHash: string
  /** The user or address whose quota of sessions it counts against. */
  owner: string
  /** The user who has to authenticate; absent at registration. */
  userId: UserId | undefined
  /** Method and path of the request to approve. */
  operation: string
  flows: readonly (readonly string[])[]
  /** The body to approve, encrypted under the session id, which is not stored. */
  sealedBody: string
  /** Stages passed, each with what it proved. */
  completed: Readonly<Record<string, string>>
  expiresAt: number
  /** The account and device that a finished registration made. */
  registered: Registered | undefined
}>

export type Registered = Readonly<{ userId: UserId; deviceId: string | undefined }>

type Row = {
  session_hash: string
  owner: string
  registered: string | null
  user_id: UserId | null
  operation: string
  flows: string
  sealed_body: string
  completed: string
  expires_at: number | string
}

export const interactiveSessions = (db: Db) => ({
  /** Undefined when the session is unknown or too old. */
  async find(sessionHash: string, now: number): Promise<InteractiveSession | undefined> {
    const row = await db<Row>('interactive_sessions')
      .where({ session_hash: sessionHash })
      .where('expires_at', '>', now)
      .first()
    return row && fromRow(row)
  },

  async insert(session: Omit<InteractiveSession, 'registered'>): Promise<void> {
    await db<Row>('interactive_sessions').insert({
      session_hash: session.sessionHash,
      owner: session.owner,
      user_id: session.userId ?? null,
      operation: session.operation,
      flows: JSON.stringify(session.flows),
      sealed_body: session.sealedBody,
      completed: JSON.stringify(session.completed),
      expires_at: session.expiresAt,
    })
  },

  async update(sessionHash: string, change: Pick<InteractiveSession, 'completed' | 'sealedBody'>): Promise<void> {
    await db<Row>('interactive_sessions')
      .where({ session_hash: sessionHash })
      .update({ completed: JSON.stringify(change.completed), sealed_body: change.sealedBody })
  },

  /** Deletes the sessions of an owner but for the newest. */
  async keepNewest(owner: string, most: number): Promise<void> {
    const newest = db<Row>('interactive_sessions')
      .where({ owner })
      .orderBy([{ column: 'expires_at', order: 'desc' }, 'session_hash'])
      .limit(most)
      .select('session_hash')
    await db<Row>('interactive_sessions').where({ owner }).whereNotIn('session_hash', newest).delete()
  },

  /** Records the account that a registration has made. False when another request was faster. */
  async finish(sessionHash: string, registered: Registered): Promise<boolean> {
    const count = await db<Row>('interactive_sessions')
      .where({ session_hash: sessionHash })
      .whereNull('registered')
      .update({ user_id: registered.userId, registered: JSON.stringify(registered) })
    return count === 1
  },

  /** False when another request was faster: each session approves one request. */
  async delete(sessionHash: string): Promise<boolean> {
    return (await db<Row>('interactive_sessions').where({ session_hash: sessionHash }).delete()) === 1
  },

  async deleteForUser(userId: UserId): Promise<void> {
    await db<Row>('interactive_sessions').where({ user_id: userId }).delete()
  },

  async deleteExpired(now: number): Promise<void> {
    await db<Row>('interactive_sessions').where('expires_at', '<=', now).delete()
  },
})

const fromRow = (row: Row): InteractiveSession => ({
  sessionHash: row.session_hash,
  owner: row.owner,
  registered: row.registered === null ? undefined : (JSON.parse(row.registered) as Registered),
  userId: row.user_id ?? undefined,
  operation: row.operation,
  flows: JSON.parse(row.flows),
  sealedBody: row.sealed_body,
  completed: JSON.parse(row.completed),
  expiresAt: Number(row.expires_at),
})
