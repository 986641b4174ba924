import type { TestReply, TestUser } from '../../support/server/client.ts'
import { roomPath } from '../../support/rooms/rooms.ts'
import type { Device, Person, World, WorldRoom } from '../world.ts'

/** What the numbers of a step chose. */
export type Chosen = {
  world: World
  person: Person
  user: TestUser
  /** One of the person's sessions. */
  device: Device
  room: WorldRoom
  target: Person
  /** An event of the room; undefined while nothing was said in it. */
  eventId: string | undefined
  choice: number
}

/** Something a person does, through the API; undefined where there is nothing to do. */
export type Act = {
  weight: number
  /** Whether another server may be needed for it, which may be out of reach. */
  isRemote?: boolean
  run(chosen: Chosen): Promise<TestReply | undefined>
}

export const client = '/_matrix/client/v3'

/** A path below a room. */
export const inRoom = ({ roomId }: WorldRoom, ...parts: string[]): string => roomPath(roomId, ...parts)
