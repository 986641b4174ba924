import { hash } from 'node:crypto'

/** How tokens of every kind are stored and looked up; they are random, so a plain SHA-256 gives nothing away. */
export const hashToken = (token: string): string => hash('sha256', token, 'base64url')

/** Prefixes that tell kinds of tokens apart, so that one kind never passes for another. */
export const tokenPrefixes = {
  access: 'mya',
  refresh: 'myr',
  login: 'myl',
  registration: 'myt',
  interactive: 'myi',
  nonce: 'myn',
  openid: 'myo',
} as const
