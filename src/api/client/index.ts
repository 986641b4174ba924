import type { Endpoint } from '#http/endpoint.ts'
import { accountData } from './account/account-data.ts'
import { account } from './account/account.ts'
import { backedUpKeys } from './e2ee/backed-up-keys.ts'
import { capabilities } from './server/capabilities.ts'
import { context } from './rooms/event-context.ts'
import { roomCreation } from './rooms/create-room.ts'
import { crossSigning } from './e2ee/cross-signing.ts'
import { dehydratedDevice } from './e2ee/dehydrated-device.ts'
import { devices } from './account/devices.ts'
import { singleEvent } from './rooms/event.ts'
import { fallback } from './account/fallback.ts'
import { filters } from './account/filters.ts'
import { keyBackup } from './e2ee/key-backup.ts'
import { keys } from './e2ee/keys.ts'
import { login } from './account/login.ts'
import { members } from './rooms/members.ts'
import { membership } from './rooms/membership.ts'
import { messages } from './rooms/messages.ts'
import { openid } from './account/openid.ts'
import { presence } from './sync/presence.ts'
import { profile } from './account/profile.ts'
import { pushRules } from './push/push-rules.ts'
import { pushers } from './push/pushers.ts'
import { receipts } from './rooms/receipts.ts'
import { redaction } from './rooms/redact.ts'
import { registration } from './account/register.ts'
import { relations } from './rooms/relations.ts'
import { roomAliases } from './rooms/room-aliases.ts'
import { roomDirectory } from './rooms/room-directory.ts'
import { stateChanges } from './rooms/room-state.ts'
import { sending } from './rooms/send.ts'
import { stateReads } from './rooms/state-reads.ts'
import { sync } from './sync/sync.ts'
import { tags } from './account/tags.ts'
import { thirdparty } from './server/thirdparty.ts'
import { threads } from './rooms/threads.ts'
import { threepids } from './account/threepids.ts'
import { timestampToEvent } from './rooms/timestamp-to-event.ts'
import { toDevice } from './e2ee/to-device.ts'
import { typing } from './rooms/typing.ts'
import { roomInitialSync } from './rooms/initial-sync.ts'
import { roomUpgrades } from './rooms/upgrade-room.ts'
import { versions } from './server/versions.ts'
import { voip } from './server/voip.ts'
import { wellKnown } from './server/well-known.ts'

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
  ...roomInitialSync,
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
