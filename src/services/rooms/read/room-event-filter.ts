import { invalidParam } from '#base/errors.ts'
import { roomEventFilterViolation } from '#protocol/filters/filter-violation.ts'
import { compileRoomEventFilter, type CompiledRoomEventFilter, type RoomEventFilter } from '#protocol/filters/filter.ts'
import { JsonError, parseStrictJson } from '#protocol/json/parse-json.ts'

/** The filter in a query parameter. Throws M_INVALID_PARAM when it is none. */
export function parseRoomEventFilter(text: string | undefined): CompiledRoomEventFilter {
  if (text === undefined) return compileRoomEventFilter()
  const filter = parse(text)
  const violation = roomEventFilterViolation(filter)
  if (violation !== undefined) throw invalidParam(violation)
  return compileRoomEventFilter(filter as RoomEventFilter)
}

function parse(text: string): unknown {
  try {
    return parseStrictJson(text)
  } catch (error) {
    throw error instanceof JsonError ? invalidParam('filter is not JSON') : error
  }
}
