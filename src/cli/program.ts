import type { Group } from './command.ts'
import { config } from './config.ts'
import { version } from './version.ts'

/** Every command of the program. */
export const program: Group = {
  summary: 'Myelin, a Matrix homeserver',
  commands: { config, version },
}
