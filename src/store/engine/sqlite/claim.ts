import { closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { claimedByAnother, type Claim } from '#store/engine/claim.ts'

const busy = 5

/**
 * Claims a database by an exclusive lock on a file beside it. The operating system releases it with the process,
 * however that ends; SQLite takes the lock because Node has no other way to lock a file.
 */
export function claimFile(path: string): Claim {
  const lockPath = `${path}-claim`
  closeSync(openSync(lockPath, 'a', 0o600))
  const lock = new DatabaseSync(lockPath, { timeout: 0 })
  try {
    lock.exec('begin exclusive')
  } catch (error) {
    lock.close()
    throw (error as { errcode?: number }).errcode === busy ? claimedByAnother() : error
  }
  return { lost: new Promise(() => {}), release: async () => lock.close() }
}
