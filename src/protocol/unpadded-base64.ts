const base64 = /^[A-Za-z0-9+/]*={0,2}$/

/** https://spec.matrix.org/v1.19/appendices/#unpadded-base64 */
export function encodeUnpaddedBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64').replace(/=+$/, '')
}

/** Undefined when the text is not base64; padding is tolerated. */
export function decodeUnpaddedBase64(text: string): Buffer | undefined {
  if (!base64.test(text)) return undefined
  const padding = text.indexOf('=')
  const length = padding === -1 ? text.length : padding
  return length % 4 === 1 ? undefined : Buffer.from(text, 'base64')
}
