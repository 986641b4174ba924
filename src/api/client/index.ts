import type { Endpoint } from '#http/endpoint.ts'
import { accountData } from './account-data.ts'
import { account } from './account.ts'
import { backedUpKeys } from './backed-up-keys.ts'
import { capabilities } from './capabilities.ts'
import { context } from './context.ts'
import { roomCreation } from './create-room.ts'
import { crossSigning } from './cross-signing.ts'
import { dehydratedDevice } from './dehydrated-device.ts'
import { devices } from './devices.ts'
import { singleEvent } from './event.ts'
import { fallback } from './fallback.ts'
import { filters } from './filters.ts'
import { keyBackup } from './key-backup.ts'
import { keys } from './keys.ts'
import { login } from './login.ts'
import { members } from './members.ts'
import { membership } from './membership.ts'
import { messages } from './messages.ts'
import { openid } from './openid.ts'
import { presence } from './presence.ts'
import { profile } from './profile.ts'
import { pushRules } from './push-rules.ts'
import { pushers } from './pushers.ts'
import { receipts } from './receipts.ts'
import { redaction } from './redact.ts'
import { registration } from './register.ts'
import { relations } from './relations.ts'
import { roomAliases } from './room-aliases.ts'
import { roomDirectory } from './room-directory.ts'
import { stateChanges } from './room-state.ts'
import { sending } from './send.ts'
import { stateReads } from './state-reads.ts'
import { sync } from './sync.ts'
import { tags } from './tags.ts'
import { thirdparty } from './thirdparty.ts'
import { threads } from './threads.ts'
import { threepids } from './threepids.ts'
import { timestampToEvent } from './timestamp-to-event.ts'
import { toDevice } from './to-device.ts'
import { typing } from './typing.ts'
import { roomUpgrades } from './upgrade-room.ts'
import { versions } from './versions.ts'
import { voip } from './voip.ts'
import { wellKnown } from './well-known.ts'

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
  ...sync,
  ...roomCreation,
  ...roomAliases,
  ...membership,
  ...stateChanges,
  ...sending,
  ...redaction,
  ...singleEvent,
  ...stateReads,
  ...members,
  ...messages,
  ...context,
  ...timestampToEvent,
  ...relations,
  ...threads,
  ...roomDirectory,
  ...roomUpgrades,
  ...accountData,
  ...tags,
  ...filters,
  ...receipts,
  ...typing,
  ...presence,
  ...voip,
  ...thirdparty,
  ...pushRules,
  ...pushers,
  ...openid,
]
