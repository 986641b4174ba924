const quote = 0x22
const backslash = 0x5c
const [colon, comma, brace, bracket, braceEnd, bracketEnd] = [0x3a, 0x2c, 0x7b, 0x5b, 0x7d, 0x5d]

/** How many keys, items and containers a JSON text holds and how deep, before anything is made of it; for any bytes. */
export function jsonStructure(bytes: Buffer): { values: number; depth: number } {
  let values = 0
  let depth = 0
  let deepest = 0
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes[at]
    if (code === quote) at = endOfString(bytes, at)
    else if (code === comma || code === colon) values++
    else if (code === brace || code === bracket) {
      values++
      if (++depth > deepest) deepest = depth
    } else if (code === braceEnd || code === bracketEnd) depth--
  }
  return { values, depth: deepest }
}

/** Index of the closing quote, or of the end: the first quote after an even run of backslashes. */
function endOfString(bytes: Buffer, open: number): number {
  for (let close = bytes.indexOf(quote, open + 1); close !== -1; close = bytes.indexOf(quote, close + 1)) {
    let before = close - 1
    while (bytes[before] === backslash) before--
    if ((close - before) % 2 === 1) return close
  }
  return bytes.length
}
