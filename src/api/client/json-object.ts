import { Type } from '@sinclair/typebox'
import type { JsonObject } from '#protocol/events/event.ts'

/** Any JSON object. */
export const JsonBody = Type.Unsafe<JsonObject>({ type: 'object' })
