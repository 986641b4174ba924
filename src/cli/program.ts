import type { Group } from './command.ts'
import { config } from './config.ts'
import { doctor } from './doctor.ts'
import { openapi, routes } from './documents.ts'
import { health } from './health.ts'
import { room } from './room.ts'
import { signingKey } from './signing-key.ts'
import { start } from './start.ts'
import { user } from './user.ts'
import { version } from './version.ts'

/** Every command of the program. */
export const program: Group = {
  summary: 'Myelin, a Matrix homeserver',
  commands: { start, doctor, config, user, room, 'signing-key': signingKey, health, openapi, routes, version },
}
