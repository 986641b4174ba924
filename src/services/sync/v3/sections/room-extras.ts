/** What a room's part of the answer carries besides its events, as JSON texts. */
export type RoomExtras = {
  ephemeral: readonly string[]
  accountData: readonly string[]
  /** True when any of it, or the unread counts, changed. */
  any: boolean
}
