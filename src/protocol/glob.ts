/** Whether a text matches; made once per pattern by `compileGlob`. */
export type Glob = (text: string) => boolean

/** Whether the whole text matches. https://spec.matrix.org/v1.19/appendices/#glob-style-matching */
export function matchesGlob(pattern: string, text: string): boolean {
  return compileGlob(pattern)(text)
}

/**
 * Prepares a pattern: `*` is any text, `?` any one character, all else itself. No regular expression and no
 * backtracking: each piece between stars is searched for once, from left to right, so hostile patterns gain nothing.
 */
export function compileGlob(pattern: string): Glob {
  const pieces = pattern.split('*')
  const first = pieces.shift() ?? ''
  const last = pieces.pop()
  const middle = pieces.filter((piece) => piece !== '')
  const hasJoker = pattern.includes('?')
  return (text) => {
    // A character outside the Basic Multilingual Plane is two units but one `?`.
    const units = hasJoker && hasSurrogate(text + pattern) ? widen : identity
    const subject = units(text)
    if (last === undefined) return subject.length === units(first).length && startsAt(subject, units(first), 0)
    return matchesPieces(subject, { first: units(first), middle: middle.map(units), last: units(last) })
  }
}

type Units = string | readonly string[]
type Pieces = { first: Units; middle: Units[]; last: Units }

function matchesPieces(text: Units, { first, middle, last }: Pieces): boolean {
  const end = text.length - last.length
  if (end < first.length || !startsAt(text, first, 0) || !startsAt(text, last, end)) return false
  let position = first.length
  for (const piece of middle) {
    const found = find(text, piece, position)
    if (found === -1 || found + piece.length > end) return false
    position = found + piece.length
  }
  return true
}

function find(text: Units, piece: Units, from: number): number {
  const isLiteral = typeof text === 'string' && typeof piece === 'string' && !piece.includes('?')
  return isLiteral ? text.indexOf(piece, from) : findWithJokers(text, piece, from)
}

/**
 * Follows all places at once where the piece may have begun: bit i says that its first i + 1 characters match up to
 * here. A long piece over a long text takes text times piece / 32 steps, where trying each place takes their product.
 */
function findWithJokers(text: Units, piece: Units, from: number): number {
  const fits = masksOf(piece)
  const open = new Int32Array(Math.ceil(piece.length / 32))
  const lastBit = 1 << ((piece.length - 1) & 31)
  for (let at = from; at < text.length; at++) {
    const mask = fits.get(text[at] ?? '') ?? fits.get('?') ?? open
    let carry = 1
    for (let word = 0; word < open.length; word++) {
      const bits = open[word] ?? 0
      open[word] = ((bits << 1) | carry) & (mask[word] ?? 0)
      carry = bits >>> 31
    }
    if (((open.at(-1) ?? 0) & lastBit) !== 0) return at - piece.length + 1
  }
  return -1
}

/** For each character of the piece, the places where the piece takes it; under `?`, those that take any. */
function masksOf(piece: Units): Map<string, Int32Array> {
  const masks = new Map(
    [...new Set(['?', ...piece])].map((unit) => [unit, new Int32Array(Math.ceil(piece.length / 32))]),
  )
  for (const [unit, mask] of masks)
    for (let i = 0; i < piece.length; i++)
      if (piece[i] === '?' || piece[i] === unit) mask[i >> 5] = (mask[i >> 5] ?? 0) | (1 << (i & 31))
  return masks
}

function startsAt(text: Units, piece: Units, at: number): boolean {
  if (text.length - at < piece.length) return false
  for (let i = 0; i < piece.length; i++) if (piece[i] !== '?' && piece[i] !== text[at + i]) return false
  return true
}

const identity = (text: string): Units => text
const widen = (text: string): Units => [...text]
const hasSurrogate = (text: string) => /[\ud800-\udfff]/.test(text)
