import type { Endpoint } from '#http/endpoint.ts'
import { account } from './account.ts'
import { backedUpKeys } from './backed-up-keys.ts'
import { capabilities } from './capabilities.ts'
import { crossSigning } from './cross-signing.ts'
import { dehydratedDevice } from './dehydrated-device.ts'
import { devices } from './devices.ts'
import { fallback } from './fallback.ts'
import { keyBackup } from './key-backup.ts'
import { keys } from './keys.ts'
import { login } from './login.ts'
import { profile } from './profile.ts'
import { redaction } from './redact.ts'
import { stateChanges } from './room-state.ts'
import { sending } from './send.ts'
import { membership } from './membership.ts'
import { roomAliases } from './room-aliases.ts'
import { roomDirectory } from './room-directory.ts'
import { roomUpgrades } from './upgrade-room.ts'
import { roomCreation } from './create-room.ts'
import { registration } from './register.ts'
import { threepids } from './threepids.ts'
import { toDevice } from './to-device.ts'
import { versions } from './versions.ts'
import { wellKnown } from './well-known.ts'
import { context } from './context.ts'
import { members } from './members.ts'
import { messages } from './messages.ts'
import { relations } from './relations.ts'
import { singleEvent } from './event.ts'
import { stateReads } from './state-reads.ts'
import { threads } from './threads.ts'
import { timestampToEvent } from './timestamp-to-event.ts'

/** The client-server API in the specification's order. */
export const clientEndpoints: readonly Endpoint[] = [
  ...versions,
  ...wellKnown,
  ...login,
  ...fallback,
  ...registration,
  ...account,
  ...threepids,
  ...capabilities,
  ...profile,
  ...devices,
  ...dehydratedDevice,
  ...toDevice,
  ...crossSigning,
  ...keyBackup,
  ...backedUpKeys,
  ...keys,
  ...roomCreation,
  ...roomAliases,
  ...membership,
  ...stateChanges,
  ...sending,
  ...redaction,
  ...roomDirectory,
  ...roomUpgrades,
  ...singleEvent,
  ...stateReads,
  ...members,
  ...messages,
  ...context,
  ...timestampToEvent,
  ...relations,
  ...threads,
]
