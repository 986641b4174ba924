/**
 * The auth events of an event, by numbers, as they are stored: the smallest, then how far each is from the one before.
 * They are close to each other, so this takes half the digits.
 */
export function encodeAuth(numbers: readonly number[]): string {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted.map((number, index) => number - (sorted[index - 1] ?? 0)).join()
}

/** The numbers in ascending order. */
export function decodeAuth(text: string): number[] {
  if (text === '') return []
  let last = 0
  return text.split(',').map((gap) => (last += Number(gap)))
}
