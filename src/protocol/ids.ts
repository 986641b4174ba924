import { isIpv4, isIpv6, looksLikeIpv4 } from './ip-address.ts'

export type UserId = `@${string}`
export type RoomId = `!${string}`
export type EventId = `$${string}`
export type RoomAlias = `#${string}`
export type ServerName = string

/** The entries of an object of which each key is a user id. */
export const entriesByUser = Object.entries as <V>(byUser: Readonly<Record<UserId, V>>) => [UserId, V][]

/** An id is at most this many bytes of UTF-8, sigil and domain included. */
export const maxIdBytes = 255

const serverName = /^(?:[0-9A-Za-z.-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/
const newLocalpart = /^[a-z0-9._=\-/+]+$/
const hashedRoomId = /^![0-9A-Za-z_-]{43}$/

/** Everything after the first colon: the server that allocated the id, '' when it names none (events v3+, rooms v12+). */
export function serverOf(id: string): ServerName {
  const colon = id.indexOf(':')
  return colon === -1 ? '' : id.slice(colon + 1)
}

/** What stands between the sigil and the first colon. */
export function localpartOf(id: string): string {
  const colon = id.indexOf(':')
  return id.slice(1, colon === -1 ? undefined : colon)
}

/**
 * The id with A to Z in lower case, and nothing else changed: Unicode knows more letters than that whose lower case is
 * a Latin one, such as U+212A, and they would stand for ids that others have.
 */
export const inLowerCase = (id: string): string => id.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())

/** The server name without its port: `[::1]:8448` is `[::1]`. */
export function hostOf(server: ServerName): string {
  const colon = server.lastIndexOf(':')
  return colon === -1 || server.indexOf(']', colon) !== -1 ? server : server.slice(0, colon)
}

/** Whether the server name, with or without port, is an IPv4 or IPv6 address. */
export function isIpLiteral(server: ServerName): boolean {
  const host = hostOf(server)
  return host.startsWith('[') || looksLikeIpv4(host)
}

/** https://spec.matrix.org/v1.19/appendices/#server-name */
export function isValidServerName(name: string): name is ServerName {
  if (!serverName.test(name)) return false
  const host = hostOf(name)
  if (host.startsWith('[')) return isIpv6(host.slice(1, -1))
  return !looksLikeIpv4(host) || isIpv4(host)
}

/** A user id that may appear in events: the historical grammar, which servers must accept from others. */
export function isValidUserId(id: string): id is UserId {
  return hasForm(id, '@')
}

/** Whether the text is a user id but for its length, which in old rooms may be greater. */
export function hasFormOfUserId(text: string): boolean {
  return text.startsWith('@') && isStorable(text) && isValidServerName(serverOf(text))
}

/** A localpart that a new account may have; the length limit is on the whole id (`isValidUserId`). */
export function isValidLocalpart(localpart: string): boolean {
  return newLocalpart.test(localpart)
}

/** Whether the id keeps to today's user id grammar and not merely to the historical one. */
export function isCompliantUserId(id: string): id is UserId {
  return isValidUserId(id) && isValidLocalpart(localpartOf(id))
}

/** https://spec.matrix.org/v1.19/appendices/#room-aliases */
export function isValidRoomAlias(alias: string): alias is RoomAlias {
  return hasForm(alias, '#')
}

/** Either form: with a domain (up to room version 11), or the hash of the create event (from 12). */
export function isValidRoomId(id: string): id is RoomId {
  return isHashedRoomId(id) || hasForm(id, '!')
}

/** A room id without domain, as room version 12 introduced them. */
export function isHashedRoomId(id: string): id is RoomId {
  return hashedRoomId.test(id)
}

/** The sigil alone, and the length: event ids are opaque beyond what their room version says. */
export function isValidEventId(id: string): id is EventId {
  return id.length > 1 && id.startsWith('$') && fitsId(id)
}

/** Whether the text is no longer than an id may be, and can be kept. */
export function fitsId(text: string): boolean {
  return Buffer.byteLength(text) <= maxIdBytes && isStorable(text)
}

/** No database holds U+0000 or half a surrogate pair. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

function hasForm(id: string, sigil: string): boolean {
  return id.startsWith(sigil) && fitsId(id) && isValidServerName(serverOf(id))
}
