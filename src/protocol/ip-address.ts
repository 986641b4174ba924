const ipv4Form = /^[0-9]{1,3}(?:\.[0-9]{1,3}){3}$/
const leadingZero = /(?:^|\.)0[0-9]/
const group = /^[0-9A-Fa-f]{1,4}$/

/** Whether the text is written like an IPv4 address, whatever its numbers. */
export function looksLikeIpv4(text: string): boolean {
  return ipv4Form.test(text)
}

export function isIpv4(text: string): boolean {
  return looksLikeIpv4(text) && text.split('.').every((part) => Number(part) <= 255)
}

/** Whether the text is an IPv6 address as RFC 3513 writes them, without the brackets of server names. */
export function isIpv6(text: string): boolean {
  const halves = text.split('::')
  const parts = halves.flatMap((half) => (half === '' ? [] : half.split(':')))
  const last = parts.at(-1) ?? ''
  const endsInIpv4 = text.endsWith(last) && isIpv4(last) && !leadingZero.test(last)
  const groups = endsInIpv4 ? parts.slice(0, -1) : parts
  const count = groups.length + (endsInIpv4 ? 2 : 0)
  // The double colon stands for one group or more.
  const hasRightLength = halves.length === 1 ? count === 8 : halves.length === 2 && count < 8
  return hasRightLength && groups.every((each) => group.test(each))
}
