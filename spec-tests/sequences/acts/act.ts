import type { TestReply, TestUser } from '../../support/server/client.ts'
import type { Person, World, WorldRoom } from '../world.ts'

/** What the numbers of a step chose. */
export type Chosen = {
  world: World
  person: Person
  user: TestUser
  room: WorldRoom
  target: Person
  /** An event of the room. */
  eventId: string
  choice: number
}

/** Something a person does, through the API; undefined where there is nothing to do. */
export type Act = { weight: number; run(chosen: Chosen): Promise<TestReply | undefined> }

export const client = '/_matrix/client/v3'

/** A path below a room. */
export const inRoom = ({ roomId }: WorldRoom, ...parts: string[]): string =>
  `${client}/rooms/${[roomId, ...parts].map(encodeURIComponent).join('/')}`

/** A path below the acting person's account. */
export const ofUser = ({ userId }: TestUser, ...parts: string[]): string =>
  `${client}/user/${[userId, ...parts].map(encodeURIComponent).join('/')}`
