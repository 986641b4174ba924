import { writeFileSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import type { StateMap } from '#protocol/state-resolution/state-map.ts'
import type { Deviation } from '../protocol/state-resolution/deviations.ts'
import {
  fileOf,
  roomOf,
  stateOf,
  type KeptHistory,
  type Unresolved,
} from '../protocol/state-resolution/kept-history.ts'
import { definitionFor } from '../protocol/state-resolution/resolve-by-definition.ts'
import type { Library } from './library.ts'

/** What we make of the states of a history, or would with a deviation. */
export function resolveHistory(history: Unresolved, deviation?: Deviation): StateMap {
  const room = roomOf(history)
  return definitionFor(room)(
    history.sets.map((ids) => stateOf(room, ids)),
    deviation,
  )
}

/**
 * Whether somebody who deviates would resolve the states of a history to something else; where rejected events count,
 * something else beside themselves.
 */
export function tellsApart(deviation: Deviation, history: Unresolved): boolean {
  const own = stateOf(roomOf(history), history.rejected)
  const others = (state: StateMap) => new Map([...state].filter(([place]) => !own.has(place)))
  return !isDeepStrictEqual(others(resolveHistory(history)), others(resolveHistory(history, deviation)))
}

/** Whether the library resolves the states of a history as we do; undefined where it cannot take them in. */
export async function agrees(library: Library, history: Unresolved): Promise<boolean | undefined> {
  const theirs = await library.resolve(history)
  return theirs && isDeepStrictEqual(stateOf(roomOf(history), theirs), resolveHistory(history))
}

/** Writes a history with what the library makes of it; one event a line. */
export async function keep(library: Library, name: string, history: Unresolved): Promise<void> {
  const resolved = await library.resolve(history)
  if (!resolved) throw new Error(`The library cannot take in ${name}`)
  const { shows, version, events, rejected, sets, ours } = history
  const whole: KeptHistory = {
    ...(shows && { shows }),
    version,
    events,
    rejected,
    sets,
    resolved,
    ...(ours && { ours }),
  }
  const parts = Object.entries(whole).map(([key, value]) => `  ${JSON.stringify(key)}: ${inLines(value)}`)
  writeFileSync(fileOf(name), `{\n${parts.join(',\n')}\n}\n`)
  console.log(`${name}: ${events.length} events, ${sets.length} states`)
}

const inLines = (value: unknown): string =>
  Array.isArray(value) && value.length > 0
    ? `[\n${value.map((item) => `    ${JSON.stringify(item)}`).join(',\n')}\n  ]`
    : JSON.stringify(value)
