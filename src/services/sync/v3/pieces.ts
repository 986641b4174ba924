/** A text whose beginning is there already. */
export async function* inPieces(beginning: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield beginning
  yield* rest
}

/** The members of a JSON object and its end. */
export async function* closed(members: AsyncIterable<string>): AsyncGenerator<string> {
  yield* members
  yield '}'
}

/** The same pieces; says at the end how long the making of all of them took. */
export async function* timedPieces(pieces: AsyncIterable<string>, done: (ms: number) => void): AsyncGenerator<string> {
  let spent = 0
  let resumed = performance.now()
  try {
    for await (const piece of pieces) {
      spent += performance.now() - resumed
      yield piece
      resumed = performance.now()
    }
    spent += performance.now() - resumed
  } finally {
    done(spent)
  }
}
