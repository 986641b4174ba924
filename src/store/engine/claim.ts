/** The exclusive right of this process to serve from a database. */
export type Claim = {
  /** Resolves with the reason when the claim is lost: from then on memory may be stale. */
  lost: Promise<Error>
  release(): Promise<void>
}

/** Another process serves from this database: a second one would show stale rooms and honor revoked tokens. */
export const claimedByAnother = (): Error =>
  new Error('Another Myelin process uses this database: stop it first, only one may run at a time')
