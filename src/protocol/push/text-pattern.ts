export type TextPattern = (text: string) => boolean

export type PatternKind = {
  /** Match any part of the text that starts and ends at a word boundary, instead of the whole text. */
  words?: boolean
  /** Take `*` and `?` as they are. */
  literal?: boolean
}

/**
 * Compiles a glob (`*` any characters, `?` one), matched case-insensitively; give texts in lower case.
 * Takes time proportional to the text whatever the pattern: all positions are followed at once, as bits. Users write
 * patterns and texts alike, so nothing here may backtrack, and no pattern becomes a RegExp.
 */
export function compilePattern(pattern: string, { words = false, literal = false }: PatternKind = {}): TextPattern {
  const folded = pattern.toLowerCase()
  const plain = literal || !/[*?]/.test(folded)
  if (plain && !words) return (text) => text === folded
  if (plain) return plainWords(folded)
  const automaton = build(folded, plain)
  if (!words)
    return (text) =>
      accepts(
        automaton,
        text,
        (at) => at === 0,
        (at) => at === text.length,
      )
  return (text) => {
    const boundary = (at: number) => isBoundary(text, at)
    return accepts(automaton, text, boundary, boundary)
  }
}

/** Most events hold none of a user's words: nothing is prepared before one does. */
function plainWords(folded: string): TextPattern {
  let automaton: Automaton | undefined
  return (text) => {
    if (!text.includes(folded)) return false
    automaton ??= build(folded, true)
    const boundary = (at: number) => isBoundary(text, at)
    return accepts(automaton, text, boundary, boundary)
  }
}

/** State n, bit n, means: the first n symbols of the pattern match up to here. */
type Automaton = {
  final: number
  /** The states that a character leads into, for the characters the pattern names. */
  into: Map<number, Int32Array>
  intoByAny: Int32Array
  /** The states that a `*` lets linger. */
  lingering: Int32Array
}

function build(pattern: string, plain: boolean): Automaton {
  const symbols = [...pattern]
  const size = (symbols.length >>> 5) + 1
  const into = new Map<number, Int32Array>()
  const intoByAny = new Int32Array(size)
  const lingering = new Int32Array(size)
  let final = 0
  for (const symbol of symbols) {
    if (!plain && symbol === '*') setBit(lingering, final)
    else if (!plain && symbol === '?') setBit(intoByAny, ++final)
    else {
      const code = symbol.codePointAt(0) ?? 0
      const states = into.get(code) ?? new Int32Array(size)
      setBit(states, ++final)
      into.set(code, states)
    }
  }
  for (const states of into.values()) intoByAny.forEach((bits, word) => (states[word] = (states[word] ?? 0) | bits))
  return { final, into, intoByAny, lingering }
}

const setBit = (bits: Int32Array, at: number) => (bits[at >>> 5] = (bits[at >>> 5] ?? 0) | (1 << (at & 31)))
const hasBit = (bits: Int32Array, at: number) => ((bits[at >>> 5] ?? 0) & (1 << (at & 31))) !== 0

type Boundary = (at: number) => boolean

// eslint-disable-next-line max-params -- the hot loop of push evaluation
function accepts(automaton: Automaton, text: string, mayStart: Boundary, mayEnd: Boundary): boolean {
  const { final, into, intoByAny, lingering } = automaton
  const states = new Int32Array(lingering.length)
  for (let at = 0; ;) {
    if (mayStart(at)) setBit(states, 0)
    if (hasBit(states, final) && mayEnd(at)) return true
    const code = text.codePointAt(at)
    if (code === undefined) return false
    const reachable = into.get(code) ?? intoByAny
    let carry = 0
    for (let word = 0; word < states.length; word++) {
      const before = states[word] ?? 0
      states[word] = (((before << 1) | carry) & (reachable[word] ?? 0)) | (before & (lingering[word] ?? 0))
      carry = before >>> 31
    }
    at += code > 0xffff ? 2 : 1
  }
}

function isBoundary(text: string, at: number): boolean {
  return !isWordAt(text, at - 1) || !isWordAt(text, at)
}

/** False outside the text: its ends are boundaries. */
function isWordAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return (
    (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x5f || (code >= 0x41 && code <= 0x5a)
  )
}
