import type { JsonObject, JsonValue } from '#protocol/events/event.ts'

/** The value cannot be written as canonical JSON. */
export class CanonicalJsonError extends Error {}

/**
 * 'lenient' also writes fractions, which rooms before version 6 may hold; 'as-sent' integers of any size besides, which
 * requests of other servers may hold and must be signed with.
 */
export type NumberRule = 'strict' | 'lenient' | 'as-sent'

/** Far above honest content, far below what the stack can carry. */
export const maxNesting = 1000

/**
 * The one spelling of a value that is hashed and signed. Integers beyond 2^53 are refused under either rule:
 * they were rounded when parsed, so their text is lost. Keys holding `undefined` are left out.
 * https://spec.matrix.org/v1.19/appendices/#canonical-json
 */
export function canonicalJson(value: JsonValue, rule: NumberRule = 'strict'): string {
  return write(value, rule, 0)
}

/**
 * As `canonicalJson`, for an object that is written again with few changes: members that `written` holds by their key are
 * taken from there, and those that are not are added.
 */
export function canonicalObject(object: JsonObject, written: Map<string, string>, rule: NumberRule = 'strict'): string {
  let text = ''
  for (const key of sortedKeys(object)) {
    const value = object[key]
    if (value === undefined) continue
    const member = written.get(key) ?? `${writeString(key)}:${write(value, rule, 1)}`
    written.set(key, member)
    text += text === '' ? member : `,${member}`
  }
  return `{${text}}`
}

/** Whether the value can be written under the strict rule. */
export function isCanonicalSafe(value: JsonValue): boolean {
  try {
    canonicalJson(value)
    return true
  } catch (error) {
    if (error instanceof CanonicalJsonError) return false
    throw error
  }
}

function write(value: JsonValue, rule: NumberRule, depth: number): string {
  switch (typeof value) {
    case 'string':
      return writeString(value)
    case 'number':
      return writeNumber(value, rule)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (depth >= maxNesting) throw new CanonicalJsonError(`Nested deeper than ${maxNesting} levels`)
      return Array.isArray(value) ? writeArray(value, rule, depth + 1) : writeObject(value, rule, depth + 1)
    default:
      if (rule === 'as-sent' && typeof value === 'bigint') return String(value)
      throw new CanonicalJsonError(`No JSON can hold a ${typeof value}`)
  }
}

function writeArray(items: JsonValue[], rule: NumberRule, depth: number): string {
  let text = ''
  for (const item of items) text += (text === '' ? '' : ',') + write(item, rule, depth)
  return `[${text}]`
}

function writeObject(object: JsonObject, rule: NumberRule, depth: number): string {
  let text = ''
  for (const key of sortedKeys(object)) {
    const value = object[key]
    if (value === undefined) continue
    text += `${text === '' ? '' : ','}${writeString(key)}:${write(value, rule, depth)}`
  }
  return `{${text}}`
}

/** Text that stands between quotes as it is: no control characters, quotes, backslashes or surrogates. */
const plain = /^[\x20\x21\x23-\x5b\x5d-\ud7ff\ue000-\uffff]*$/

function writeString(text: string): string {
  if (plain.test(text)) return `"${text}"`
  if (!text.isWellFormed()) throw new CanonicalJsonError('A lone surrogate has no UTF-8 form')
  return JSON.stringify(text)
}

function writeNumber(value: number, rule: NumberRule): string {
  if (Number.isSafeInteger(value)) return value === 0 ? '0' : `${value}`
  if (rule === 'strict' || Number.isInteger(value) || !Number.isFinite(value))
    throw new CanonicalJsonError('A number is not an integer between -(2^53)+1 and (2^53)-1')
  return `${value}`
}

/** UTF-16 order, in which strings compare, is code point order unless a key leaves the Basic Multilingual Plane. */
function sortedKeys(object: JsonObject): string[] {
  const keys = Object.keys(object)
  if (keys.length < 2) return keys
  if (keys.some(hasSurrogate)) return keys.sort(byCodePoint)
  return keys.length > 16 ? keys.sort() : sortFew(keys)
}

/** Insertion sort: half the time of `sort` for the few keys that events have, often in order already. */
function sortFew(keys: string[]): string[] {
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string
    let at = i
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string
    keys[at] = key
  }
  return keys
}

function hasSurrogate(key: string): boolean {
  for (let i = 0; i < key.length; i++) if ((key.charCodeAt(i) & 0xf800) === 0xd800) return true
  return false
}

/** Compares by Unicode code point, as canonical JSON orders its keys. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i)
    const right = b.charCodeAt(i)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Surrogates stand for the highest code points, so they move above U+E000 to U+FFFF. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit >= 0xe000 ? unit - 0x800 : unit + 0x2000
}
