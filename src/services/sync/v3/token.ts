import { invalidParam } from '#base/errors.ts'

/** How far a client has read each stream. */
export type SyncPositions = {
  events: number
  receipts: number
  accountData: number
  toDevice: number
  deviceLists: number
  presence: number
  /** A serial of this process, which survives no restart: an older one reads as "everything". */
  typing: number
}

/** Before anything happened. */
export const noPositions: SyncPositions = {
  events: 0,
  receipts: 0,
  accountData: 0,
  toDevice: 0,
  deviceLists: 0,
  presence: 0,
  typing: 0,
}

/** A `since` token: the positions, and the moment of which process they were read at. */
export type SyncToken = SyncPositions & {
  process: string
  moment: number
  /** Numbers of rooms with typing users: that they stopped must be sent even when it is not remembered. */
  typingIn: readonly number[]
}

/** A token does not grow with the rooms; more than these hardly ever have typing users at one moment. */
export const maxTypingIn = 20

const names = ['events', 'receipts', 'accountData', 'toDevice', 'deviceLists', 'presence', 'typing'] as const

/** `s` with the positions in order, then the process and its moment, then rooms with typing users, if any. */
export function writeToken(token: SyncToken): string {
  const typingIn = token.typingIn.length > 0 ? `.${token.typingIn.join('-')}` : ''
  return `s${names.map((name) => token[name]).join('_')}_${token.process}.${token.moment}${typingIn}`
}

/** Throws M_INVALID_PARAM on what `writeToken` did not write. */
export function readToken(text: string): SyncToken {
  const match =
    /^s(\d{1,15}(?:_\d{1,15}){6})_([A-Za-z0-9]{1,32})\.(\d{1,15})(?:\.(\d{1,15}(?:-\d{1,15}){0,19}))?$/.exec(text)
  if (!match) throw invalidParam('The since token is not one of this server')
  const positions = (match[1] ?? '').split('_').map(Number)
  const read = Object.fromEntries(names.map((name, index) => [name, positions[index] ?? 0])) as SyncPositions
  return {
    ...read,
    process: match[2] ?? '',
    moment: Number(match[3]),
    typingIn: match[4]?.split('-').map(Number) ?? [],
  }
}

/** A token that a client may page backwards from: just before an event. */
export const tokenBefore = (position: number): string => `t${position - 1}`
