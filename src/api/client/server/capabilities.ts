import { Type } from '@sinclair/typebox'
import { endpoint } from '#http/endpoint.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'

const available = Object.fromEntries(roomVersions.map(({ id, stable }) => [id, stable ? 'stable' : 'unstable']))

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3capabilities */
export const getCapabilities = endpoint({
  method: 'GET',
  path: '/_matrix/client/v3/capabilities',
  auth: 'user',
  reply: Type.Object({ capabilities: Type.Record(Type.String(), Type.Object({})) }),
  summary: 'Says what the server lets its users do.',
  spec: 'client-server-api/#get_matrixclientv3capabilities',
  async handle(ctx) {
    return {
      capabilities: {
        'm.change_password': { enabled: true },
        'm.room_versions': { default: ctx.config.rooms.default_version, available },
        'm.set_displayname': { enabled: true },
        'm.set_avatar_url': { enabled: true },
        'm.3pid_changes': { enabled: false },
        'm.profile_fields': { enabled: true },
        'uk.tcpip.msc4133.profile_fields': { enabled: true },
        'm.get_login_token': { enabled: true },
        'm.forget_forced_upon_leave': { enabled: false },
      },
    }
  },
})

export const capabilities = [getCapabilities]
