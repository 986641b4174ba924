/** That this process alone serves from a database, for as long as it is held. */
export type Claim = {
  /** Resolves with the reason when the claim is lost for good: what is in memory may be stale from then on. */
  lost: Promise<Error>
  release(): Promise<void>
}

/** Another process serves from this database: a second one would show stale rooms and honor revoked tokens. */
export const claimedByAnother = (): Error =>
  new Error('Another Myelin process uses this database: stop it first, only one may run at a time')
