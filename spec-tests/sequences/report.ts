import type { TestUser } from '../support/server/client.ts'
import type { SyncEvent } from '../support/server/sync.ts'
import { client } from './acts/act.ts'

/** What must hold whatever happened, by name: SEQUENCE_INVARIANTS chooses among them. */
export const invariantNames = [
  'no-errors',
  'rooms',
  'state',
  'fresh-state',
  'left-state',
  'known-members',
  'members-told',
  'senders',
  'timeline',
  'counts',
  'thread-counts',
  'account-data',
  'room-account-data',
  'receipts',
  'typing',
  'presence',
  'summary',
  'reads',
  'cold',
  'engines',
] as const

export type InvariantName = (typeof invariantNames)[number]

export type Violation = { invariant: InvariantName; message: string }

/** Notes that something does not hold. */
export type Report = (invariant: InvariantName, message: string) => void

/** Events below a room that an endpoint lists; undefined when the reader may not see them. */
export async function readEvents(user: TestUser, roomId: string, what: string): Promise<SyncEvent[] | undefined> {
  const { status, body } = await user.request('GET', `${client}/rooms/${encodeURIComponent(roomId)}/${what}`)
  if (status !== 200) return undefined
  return Array.isArray(body) ? body : body.chunk
}

/** Says where two values differ first; undefined where they are equal. */
export function difference(one: unknown, other: unknown, path = ''): string | undefined {
  if (Object.is(one, other)) return undefined
  if (!isRecord(one) || !isRecord(other)) return `${path}: ${shorten(one)} <> ${shorten(other)}`
  for (const key of [...new Set([...Object.keys(one), ...Object.keys(other)])].sort()) {
    const found = difference(one[key], other[key], `${path}.${key}`)
    if (found !== undefined) return found
  }
  return undefined
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

const shorten = (value: unknown): string => (JSON.stringify(value) ?? 'absent').slice(0, 300)
