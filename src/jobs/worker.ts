/** Background work; `start...Worker` starts it. */
export type Worker = {
  /** Resolves when no work is due. */
  settle(): Promise<void>
  /** Starts nothing more, and resolves when running work has ended. */
  stop(): Promise<void>
}

/** Several workers as one. */
export const allWorkers = (workers: readonly Worker[]): Worker => ({
  settle: async () => void (await Promise.all(workers.map((worker) => worker.settle()))),
  stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))),
})

/** A worker that only listens to the bus, and has nothing to finish. */
export const listeningWorker = (ends: readonly (() => void)[]): Worker => ({
  settle: async () => {},
  stop: async () => ends.forEach((end) => end()),
})
