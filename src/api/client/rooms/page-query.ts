import { Type } from '@sinclair/typebox'
import type { Direction } from '#services/rooms/read/timeline.ts'

/** The `dir` of clients. */
export const DirectionQuery = Type.Union([Type.Literal('b'), Type.Literal('f')])

/** The requested number of items, without an upper bound. */
export const LimitQuery = Type.Integer({ minimum: 0 })

export const directionOf = (dir: 'b' | 'f'): Direction => (dir === 'f' ? 'forwards' : 'backwards')

/** The number of items to return: at least one, at most the server's maximum. */
export const clamped = (limit: number, max: number): number => Math.min(Math.max(limit, 1), max)
