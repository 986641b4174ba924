import { incompatibleRoomVersion, MatrixError } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { formatViolation } from '#protocol/events/event-format.ts'
import type { JsonObject } from '#protocol/events/event.ts'
import type { SignedEvent } from '#protocol/events/hash-and-sign.ts'
import type { ServerName } from '#protocol/ids.ts'
import { roomVersion, roomVersions, type RoomVersion } from '#protocol/rooms/room-version.ts'
import { askServer } from '#services/remote/remote-client.ts'
import { RemoteError } from '#services/remote/remote-error.ts'
import { hashAndSignEvent } from '#services/rooms/write/build-event.ts'
import { checkTemplate, type Asked } from './check-template.ts'

type Needs = Pick<Context, 'config' | 'clock' | 'signingKey' | 'transport' | 'serverAccess' | 'destinations'>

/** The membership event that we signed, for the server that made its template. */
export type Ready = SignedEvent & { version: RoomVersion }

const federation = ['_matrix', 'federation']

/** Asks a server where a membership event would stand in the room, and signs the event if that is all it answers. */
export async function askTemplate(ctx: Needs, server: ServerName, asked: Asked): Promise<Ready> {
  const { roomId, userId, membership } = asked
  const query = membership === 'leave' ? {} : { ver: roomVersions.map(({ id }) => id) }
  const path = [...federation, 'v1', `make_${membership}`, roomId, userId]
  const answer = await askServer(ctx, { destination: server, method: 'GET', path, query, isUrgent: true })
  const named = answer.room_version ?? '1'
  const version = typeof named === 'string' ? roomVersion(named) : undefined
  if (!version) throw incompatibleRoomVersion(typeof named === 'string' ? named : '')
  const template = checkTemplate(answer.event, asked, version)
  if ('violation' in template) throw new RemoteError(server, template.violation)
  return { version, ...sign(ctx, server, { template, version }) }
}

type Template = { template: Exclude<ReturnType<typeof checkTemplate>, { violation: string }>; version: RoomVersion }

function sign(ctx: Needs, server: ServerName, { template, version }: Template): SignedEvent {
  try {
    const event = { ...template, origin_server_ts: ctx.clock.now() }
    const signed = hashAndSignEvent(event, version, ctx.signingKey)
    const violation = formatViolation(signed.pdu as unknown as JsonObject, version)
    if (violation !== undefined) throw new RemoteError(server, `The template is malformed: ${violation}`)
    return signed
  } catch (error) {
    if (error instanceof RemoteError) throw error
    // Its references are of no form, or there are too many of them.
    if (error instanceof MatrixError || error instanceof TypeError)
      throw new RemoteError(server, 'The template is malformed', { cause: error })
    throw error
  }
}

/** Gives the server the event that it made the template of. */
export function sendEvent(
  ctx: Needs,
  server: ServerName,
  { asked, ready }: { asked: Asked; ready: Ready },
): Promise<JsonObject> {
  const { membership, roomId } = asked
  const path = [...federation, membership === 'knock' ? 'v1' : 'v2', `send_${membership}`, roomId, ready.eventId]
  const query = membership === 'join' ? { omit_members: false } : {}
  const isLarge = membership === 'join'
  return askServer(ctx, {
    destination: server,
    method: 'PUT',
    path,
    query,
    content: ready.pdu as unknown as JsonObject,
    isUrgent: true,
    ...(isLarge && { timeoutMs: joinTimeoutMs, maxBytes: maxJoinBytes }),
  })
}

/** A room of 20,000 members takes about 40 MB, and its server some seconds. */
const joinTimeoutMs = 120_000
const maxJoinBytes = 134_217_728
