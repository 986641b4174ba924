import type { JsonValue } from '#protocol/events/event.ts'

/** Wake-ups between requests, workers and processes: hints only, the store is the truth. */
export type Bus = {
  publish(topic: string, message: JsonValue): void
  /** The answer ends the subscription. */
  subscribe(topic: string, listener: (message: JsonValue) => void): () => void
  close(): Promise<void>
}
