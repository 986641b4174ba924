import { forbidden, MatrixError } from '#base/errors.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { serverOf, type RoomId, type UserId } from '#protocol/ids.ts'
import { readLevel } from '#protocol/rooms/power-levels.ts'
import { creatorsOf } from '#protocol/rooms/room-creators.ts'
import type { RoomVersion } from '#protocol/rooms/room-version.ts'
import { appendEvent, appendEvents } from '#services/rooms/write/append.ts'
import { createContent, readUserIds } from '#services/rooms/write/create-content.ts'
import { requireVersion } from '#services/rooms/write/create.ts'
import { inheritSettings } from './inherit-settings.ts'
import { initialEvents, type StateEntry } from '#services/rooms/write/initial-events.ts'
import { loadStateEntries } from '#services/rooms/live/load-state-entries.ts'
import { memberContent } from '#services/rooms/membership/member-content.ts'
import { nextContent, nextPowerLevels } from '#services/rooms/live/next-state.ts'
import { openRoom, type OpenNeeds } from '#services/rooms/write/open-room.ts'
import { requireJoined } from '#services/rooms/membership/require-joined.ts'
import type { LiveRoom } from '#services/rooms/live/live-room.ts'
import { upgradedPowerLevels } from './upgraded-power-levels.ts'

export type Upgrade = { roomId: RoomId; by: UserId; newVersion: string; additionalCreators: readonly UserId[] }

/** State that can be copied to the replacement room under another sender. */
const carried = [
  'm.room.server_acl',
  'm.room.encryption',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.guest_access',
  'm.room.history_visibility',
  'm.room.join_rules',
]

/**
 * Upgrades a room to another version; answers the new room's id.
 * https://spec.matrix.org/v1.19/client-server-api/#room-upgrades
 */
export async function upgradeRoom(ctx: OpenNeeds, upgrade: Upgrade): Promise<RoomId> {
  const { roomId, by, newVersion } = upgrade
  const version = requireVersion(newVersion)
  const room = await requireJoined(ctx, roomId, by)
  const levels = await nextPowerLevels(ctx, room)
  if (levels.ofUser(by) < levels.required('m.room.tombstone', true)) throw forbidden('You may not upgrade this room')
  const replacement = await openReplacement(ctx, room, { ...upgrade, version })
  await moveNames(ctx, room, replacement)
  const body = 'This room has been replaced'
  const content = { body, replacement_room: replacement }
  await appendEvent(ctx, roomId, { type: 'm.room.tombstone', stateKey: '', sender: by, content })
  await closeReplacedRoom(ctx, roomId, by)
  await inheritSettings(ctx, { roomId: replacement, userId: by })
  return replacement
}

async function openReplacement(
  ctx: OpenNeeds,
  room: LiveRoom,
  { by, version, additionalCreators }: Upgrade & { version: RoomVersion },
): Promise<RoomId> {
  const create = await createOf(ctx, room)
  const additional = version.creators === 'sender-and-additional' ? readUserIds([...additionalCreators]) : []
  const { type, 'm.federate': federate } = create.content
  const replaced = {
    content: await nextContent(ctx, room, ['m.room.power_levels', '']),
    version: room.version,
    creators: creatorsOf(create, room.version),
  }
  const { initial, final } = upgradedPowerLevels(replaced, { version, creator: by, additional })
  const events = initialEvents({
    creator: by,
    creatorMember: await memberContent(ctx, by, { membership: 'join' }),
    powerLevels: initial,
    initialState: await carriedState(ctx, room, type === 'm.space'),
  })
  const predecessor = {
    room_id: room.roomId,
    ...(!version.roomIdIsCreateHash && { event_id: room.forwardExtremities[0] }),
  }
  return openRoom(ctx, {
    version,
    creator: by,
    createContent: createContent(
      {
        creator: by,
        partners: additional,
        requested: {
          ...(typeof type === 'string' && { type }),
          ...(typeof federate === 'boolean' && { 'm.federate': federate }),
          predecessor,
        },
      },
      version,
    ),
    events: [...events, { type: 'm.room.power_levels', stateKey: '', sender: by, content: final }],
  })
}

async function createOf(ctx: OpenNeeds, room: LiveRoom) {
  await loadStateEntries(ctx, room, [['m.room.create', '']])
  const create = room.nextStateEntry('m.room.create', '')?.pdu
  if (!create) throw new Error('A room has no create event')
  return create
}

/** Children of a space are copied; state that depends on its sender is not. */
async function carriedState(ctx: OpenNeeds, room: LiveRoom, isSpace: boolean): Promise<StateEntry[]> {
  const children = isSpace ? [...room.state.values()].filter(({ type }) => type === 'm.space.child') : []
  const keys = [
    ...carried.map((type): [string, string] => [type, '']),
    ...children.map(({ type, stateKey }): [string, string] => [type, stateKey]),
  ]
  await loadStateEntries(ctx, room, keys)
  const entries = keys.flatMap(([type, stateKey]) => {
    const content = room.nextStateEntry(type, stateKey)?.pdu?.content
    const isEmpty = !content || Object.keys(content).length === 0
    return isEmpty ? [] : [{ type, stateKey, content }]
  })
  const names = ownNames((await nextContent(ctx, room, ['m.room.canonical_alias', ''])) ?? {}, ctx.config.server_name)
  return names ? [...entries, { type: 'm.room.canonical_alias', stateKey: '', content: names }] : entries
}

/** The part of the canonical alias with local aliases, which move; those of other servers stay with the old room. */
function ownNames({ alias, alt_aliases: others }: JsonObject, serverName: string): JsonObject | undefined {
  const isOurs = (name: unknown) => typeof name === 'string' && serverOf(name) === serverName
  const alternatives = Array.isArray(others) ? others.filter(isOurs) : []
  const content = {
    ...(isOurs(alias) && { alias }),
    ...(alternatives.length > 0 && { alt_aliases: alternatives }),
  }
  return Object.keys(content).length > 0 ? content : undefined
}

/** Moves aliases and the listing in the directory to the new room. */
async function moveNames(ctx: OpenNeeds, room: LiveRoom, replacement: RoomId): Promise<void> {
  await ctx.store.rooms.aliases.moveAll(room.roomId, replacement)
  const [replaced, created] = [
    await ctx.store.rooms.rooms.find(room.roomId),
    await ctx.store.rooms.rooms.find(replacement),
  ]
  if (!replaced?.isPublished || !created) return
  await ctx.store.rooms.rooms.setPublished(created.nid, true)
  await ctx.store.rooms.rooms.setPublished(replaced.nid, false)
}

/** Restricts sending in the old room, as far as the upgrading user may. */
async function closeReplacedRoom(ctx: OpenNeeds, roomId: RoomId, by: UserId): Promise<void> {
  try {
    await appendEvents(ctx, roomId, async (room) => {
      const content = (await nextContent(ctx, room, ['m.room.power_levels', ''])) ?? {}
      const { version } = room
      const level = (name: string) => readLevel(content[name], version) ?? 0
      const needed = Math.max(50, level('users_default') + 1)
      const raised = {
        ...content,
        events_default: Math.max(level('events_default'), needed),
        invite: Math.max(level('invite'), needed),
      }
      return [{ type: 'm.room.power_levels', stateKey: '', sender: by, content: raised }]
    })
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error
  }
}
