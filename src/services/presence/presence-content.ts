import type { PresenceState } from '#store/presences.ts'

/** The presence of a user as other users see it. */
export type PresenceContent = {
  presence: PresenceState
  status_msg?: string
  /** Milliseconds. */
  last_active_ago?: number
  currently_active?: boolean
}
