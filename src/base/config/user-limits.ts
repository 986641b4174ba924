import { Type } from '@sinclair/typebox'

const KiB = 1024
const MiB = 1024 * KiB

const atMost = (value: number, description: string) => Type.Integer({ default: value, minimum: 1, description })

/** What one user may keep, besides keys. */
export const accountLimits = {
  account_data_bytes: Type.Integer({
    default: MiB,
    minimum: 1024,
    description: 'Account data one object may hold.',
  }),
  account_data_types: atMost(2000, 'Account data objects one user may have.'),
  account_data_bytes_per_user: atMost(
    10 * MiB,
    'Bytes of account data one user may have, tags and push rules among them.',
  ),
  filters_per_user: atMost(1000, 'Filters one user may store.'),
  filter_bytes_per_user: atMost(4 * MiB, 'Bytes of filters one user may store.'),
  openid_tokens_per_user: atMost(100, 'OpenID tokens one user may have; the oldest end.'),
  profile_bytes: atMost(64 * KiB, 'Bytes of the profile of one user.'),
  interactive_sessions: atMost(
    20,
    'User-interactive authentications that one user, or for registrations one address, may have begun; the oldest end.',
  ),
  interactive_body_bytes: atMost(64 * KiB, 'Bytes of a request that waits for user-interactive authentication.'),
  invites_per_new_room: atMost(100, 'Users a client may invite while it creates a room.'),
}

/** What end-to-end encryption may cost. */
export const encryptionLimits = {
  one_time_keys_per_device: atMost(1000, 'Unclaimed one-time keys one device may have.'),
  claimed_keys_per_device: atMost(
    5000,
    'Claimed one-time keys that are remembered for one device, so that none is given out twice; the oldest are forgotten.',
  ),
  key_users_per_request: atMost(5000, 'Users one request may ask or claim keys of, or send to-device messages to.'),
  key_devices_per_request: atMost(10_000, 'Devices one request may name in all, of whomever.'),
  signatures_per_request: atMost(2000, 'Keys one request may publish signatures on.'),
  to_device_bytes_per_request: atMost(
    8 * MiB,
    'Bytes one request may put into the queues of devices: a message to many devices counts for each.',
  ),
  to_device_messages_per_device: atMost(10_000, 'To-device messages that wait for one device; the oldest are dropped.'),
  to_device_messages_per_sender: atMost(
    2000,
    'Of these, messages that wait from one sender; the oldest of the same sender are dropped.',
  ),
  to_device_bytes_per_device: atMost(16 * MiB, 'Bytes of to-device messages that wait for one device.'),
  to_device_bytes_per_user: atMost(
    256 * MiB,
    'Bytes of to-device messages that wait for all devices of one user, which share it equally.',
  ),
  key_backup_bytes_per_user: atMost(64 * MiB, 'Bytes of backed-up keys one user may have, all versions together.'),
  key_backup_session_bytes: atMost(64 * KiB, 'Bytes of one backed-up key.'),
  key_backup_versions_per_user: atMost(100, 'Versions of the key backup one user may have.'),
  key_backup_auth_bytes: atMost(64 * KiB, 'Bytes of what one version of a key backup says of itself.'),
  dehydrated_device_bytes: atMost(256 * KiB, 'Bytes of what a client keeps in a dehydrated device.'),
}

/** What notifying one user may cost. */
export const pushLimits = {
  pushers_per_user: atMost(100, 'Pushers one user may have.'),
  pusher_bytes: atMost(16 * KiB, 'Bytes of one pusher.'),
  push_rules_per_user: atMost(1000, 'Push rules of their own one user may have.'),
  push_conditions_per_user: atMost(2000, 'Conditions in the push rules of one user.'),
  push_rule_bytes_per_user: atMost(512 * KiB, 'Bytes of the push rules of one user.'),
  push_patterns_per_user: atMost(200, 'Patterns in the push rules of one user that are looked for in messages.'),
  push_pattern_bytes_per_user: atMost(4 * KiB, 'Bytes of all these patterns together.'),
}

/** What other servers are sent. */
export const federationLimits = {
  presence_room_members: Type.Integer({
    default: 250,
    minimum: 0,
    description: 'Joined members of the largest room whose other servers are sent the presence of users here.',
  }),
  outgoing_edu_bytes_per_server: atMost(
    32 * MiB,
    'Bytes of to-device messages and device-list changes that wait for one other server; more are refused.',
  ),
  outgoing_edu_bytes: atMost(
    1024 * MiB,
    'Bytes of these for all other servers; beyond, those for the servers that have not answered longest are deleted.',
  ),
}
