import type { StoredEvent } from '#store/rooms/events.ts'

/** Bytes of an event besides its JSON, in the maps of a room. */
const eventBytes = 400
/** Of what a PDU has besides. */
const graphBytes = 600

/** Estimated bytes of an event in memory; what a state event replaced is kept beside it. */
export const bytesOf = ({ clientJson, stateKey }: StoredEvent): number =>
  eventBytes + clientJson.length + (stateKey === null ? 0 : 2 * (clientJson.length + graphBytes))
