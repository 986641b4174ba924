/** The settings under `limits` that hold for bodies, by what an endpoint needs. */
export const bodyLimits = {
  small: 'small_body_bytes',
  medium: 'medium_body_bytes',
  event: 'event_body_bytes',
  large: 'body_bytes',
  transaction: 'transaction_body_bytes',
} as const

export type BodySize = keyof typeof bodyLimits
