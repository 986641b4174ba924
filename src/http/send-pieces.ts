import type { ServerResponse } from 'node:http'

/**
 * Sends a text while it is made: each piece is asked for once the client has taken those before it, so that the server
 * holds one at a time however long the whole is. Ends early where the client goes away; throws what the making throws.
 * `holds` hears how many bytes wait for the client.
 */
export async function sendPieces(
  response: ServerResponse,
  pieces: AsyncIterable<string>,
  holds: (bytes: number) => void,
): Promise<void> {
  for await (const piece of pieces) {
    if (response.destroyed) return
    const bytes = Buffer.from(piece)
    holds(bytes.length)
    await taken(response, bytes)
  }
  response.end()
}

/** Resolves when the connection has taken the bytes, or is gone. */
function taken(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      response.off('close', done)
      resolve()
    }
    response.once('close', done)
    response.write(bytes, done)
  })
}
