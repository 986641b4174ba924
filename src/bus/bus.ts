import type { JsonValue } from '#protocol/events/event.ts'
import type { Topic } from './topics.ts'

/** Wake-ups between requests, workers and processes: hints only, the store is the truth. */
export type Bus = {
  publish<Payload extends JsonValue>(topic: Topic<Payload>, payload: Payload): void
  /** The answer ends the subscription. */
  subscribe<Payload extends JsonValue>(topic: Topic<Payload>, listener: (payload: Payload) => void): () => void
  close(): Promise<void>
}
