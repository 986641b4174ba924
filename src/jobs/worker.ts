/** Work besides requests; `start...Worker` starts it. */
export type Worker = {
  /** Resolves when nothing is left that can be done now. */
  settle(): Promise<void>
  /** Begins nothing more, and resolves when what is under way has ended. */
  stop(): Promise<void>
}

/** Several workers as one. */
export const allWorkers = (workers: readonly Worker[]): Worker => ({
  settle: async () => void (await Promise.all(workers.map((worker) => worker.settle()))),
  stop: async () => void (await Promise.all(workers.map((worker) => worker.stop()))),
})

/** What merely listens to the bus, and has nothing to finish. */
export const listeningWorker = (ends: readonly (() => void)[]): Worker => ({
  settle: async () => {},
  stop: async () => ends.forEach((end) => end()),
})
