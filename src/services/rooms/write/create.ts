import { forbidden, invalidParam, roomInUse, unsupportedRoomVersion } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import { isValidRoomAlias, type RoomAlias, type RoomId, type UserId } from '#protocol/ids.ts'
import { roomVersion, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { requireAliasLeft } from '#services/rooms/directory/aliases.ts'
import { checkInitialState } from './check-initial-state.ts'
import { createContent } from './create-content.ts'
import { inheritSettings } from '#services/rooms/upgrade/inherit-settings.ts'
import { initialEvents, type Preset, type StateEntry } from './initial-events.ts'
import { initialPowerLevels, withoutCreator } from './initial-power-levels.ts'
import { memberContent, memberContents } from '#services/rooms/membership/member-content.ts'
import { openRoom, type OpenNeeds } from './open-room.ts'
import { isRemoteUser } from '#services/rooms/membership/is-remote-user.ts'
import { requireInvitable } from '#services/rooms/membership/require-invitable.ts'
import { requireUserId } from '#services/rooms/membership/require-user-id.ts'

/** What a client may ask of a new room. */
export type NewRoom = {
  creator: UserId
  isPublished: boolean
  /** Absent: what `isPublished` suggests. */
  preset?: Preset | undefined
  aliasName?: string | undefined
  name?: string | undefined
  topic?: string | undefined
  invite: readonly UserId[]
  version?: string | undefined
  createContent?: JsonObject | undefined
  initialState: readonly StateEntry[]
  isDirect: boolean
  powerLevels?: JsonObject | undefined
}

type Needs = OpenNeeds & Pick<Context, 'rateBuckets' | 'serverAccess' | 'remoteMembership' | 'log'>

/**
 * Makes a room with everything its creator asks for, all or nothing.
 * https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3createroom
 */
export async function createRoom(ctx: Needs, options: NewRoom): Promise<RoomId> {
  const { creator, isPublished } = options
  const version = requireVersion(options.version ?? ctx.config.rooms.default_version)
  const alias = options.aliasName === undefined ? undefined : await freeAlias(ctx, options.aliasName, creator)
  checkInitialState(options.initialState, { creator, alias })
  const invite = await invitees(ctx, options)
  const preset = options.preset ?? (isPublished ? 'public_chat' : 'private_chat')
  const override =
    options.version === undefined ? withoutCreator(options.powerLevels, creator, version) : options.powerLevels
  const partners = preset === 'trusted_private_chat' ? invite : []
  const remote = invite.filter((userId) => isRemoteUser(ctx, userId))
  const local = invite.filter((userId) => !isRemoteUser(ctx, userId))
  const contents = await memberContents(ctx, local, { membership: 'invite', isDirect: options.isDirect })
  const roomId = await openRoom(ctx, {
    version,
    creator,
    isPublished,
    alias,
    createContent: createContent({ creator, requested: options.createContent, partners }, version),
    events: initialEvents({
      ...options,
      alias,
      preset,
      creatorMember: await memberContent(ctx, creator, { membership: 'join' }),
      powerLevels: initialPowerLevels({ creator, preset, equals: partners, override }, version),
      invites: local.map((userId, index) => ({
        type: 'm.room.member',
        stateKey: userId,
        content: contents[index] ?? {},
      })),
    }),
  })
  for (const userId of remote) await inviteRemote(ctx, { roomId, userId, options })
  if (options.createContent?.predecessor !== undefined) await inheritSettings(ctx, { roomId, userId: creator })
  return roomId
}

type RemoteInvitee = { roomId: RoomId; userId: UserId; options: NewRoom }

/** The room is there: that another server takes no invite is seen among its members, and no reason to fail. */
async function inviteRemote(ctx: Needs, { roomId, userId, options }: RemoteInvitee): Promise<void> {
  const content = await memberContent(ctx, userId, { membership: 'invite', isDirect: options.isDirect })
  try {
    await ctx.remoteMembership.invite({ roomId, sender: options.creator, userId, content })
  } catch (error) {
    ctx.log.info('a user of another server could not be invited to a new room', { error })
  }
}

/** The rules of a version in which rooms can be made here. */
export function requireVersion(id: string): RoomVersion {
  const version = roomVersion(id)
  if (!version) throw unsupportedRoomVersion()
  return version
}

async function freeAlias(ctx: OpenNeeds, name: string, creator: UserId): Promise<RoomAlias> {
  const alias = `#${name}:${ctx.config.server_name}`
  if (name === '' || name.includes(':') || !isValidRoomAlias(alias)) throw invalidParam('The room alias is not valid')
  if (await ctx.store.rooms.aliases.find(alias)) throw roomInUse()
  await requireAliasLeft(ctx, creator)
  return alias
}

/** Refuses the whole room rather than leave a user out of it. */
async function invitees(ctx: Needs, { invite, creator }: NewRoom): Promise<UserId[]> {
  const userIds: UserId[] = [...new Set(invite.map(requireUserId))]
  const { invites_per_new_room: most } = ctx.config.limits
  if (userIds.length > most) throw invalidParam(`A new room has at most ${most} invites: invite the others afterwards`)
  if (userIds.includes(creator)) throw forbidden('You cannot invite yourself')
  ctx.rateBuckets.spend('invite', creator, userIds.length)
  for (const userId of userIds) await requireInvitable(ctx, userId)
  return userIds
}
