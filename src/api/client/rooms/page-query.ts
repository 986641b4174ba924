import { Type } from '@sinclair/typebox'
import type { Direction } from '#services/rooms/read/timeline.ts'

/** As clients write directions. */
export const DirectionQuery = Type.Union([Type.Literal('b'), Type.Literal('f')])

/** How many items a client wants; what is too much is cut. */
export const LimitQuery = Type.Integer({ minimum: 0 })

export const directionOf = (dir: 'b' | 'f'): Direction => (dir === 'f' ? 'forwards' : 'backwards')

/** The number of items to answer: at least one, and what no client was promised is cut. */
export const clamped = (limit: number, max: number): number => Math.min(Math.max(limit, 1), max)
