import type { Context } from '#context.ts'
import type { Written } from '#store/rooms/room-write.ts'

/** Does the write, or what a test wants of it. Without `isTold` it happens, and the server does not hear of it. */
export type Write = (isTold?: boolean) => Promise<Written>

/** The same server whose writes of events pass through `around`, numbered from 1. */
export function withWrites<Ctx extends Pick<Context, 'store'>>(
  ctx: Ctx,
  around: (number: number, write: Write) => Promise<Written>,
): Ctx {
  const { eventWriter } = ctx.store
  let number = 0
  const write: typeof eventWriter.write = (events, apply) =>
    around(++number, (isTold = true) => eventWriter.write(events, isTold ? apply : () => {}))
  return { ...ctx, store: { ...ctx.store, eventWriter: { ...eventWriter, write } } }
}

/** The same server, held before one of its writes until it is released. */
export function heldBefore<Ctx extends Pick<Context, 'store'>>(ctx: Ctx, held: number) {
  const gate = Promise.withResolvers<void>()
  const arrival = Promise.withResolvers<void>()
  const around = async (number: number, write: Write) => {
    if (number === held) {
      arrival.resolve()
      await gate.promise
    }
    return write()
  }
  return { ctx: withWrites(ctx, around), arrived: arrival.promise, release: () => gate.resolve() }
}
