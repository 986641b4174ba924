import type { JsonValue } from '#protocol/events/event.ts'
import { byVersion } from './by-version.ts'

/** What a power level may hold, and which number it stands for in the versions where it is one. */
export type LevelValue = { value: JsonValue; level: ReadonlyMap<string, number> }

const most = Number.MAX_SAFE_INTEGER

const integers = [50, 0, 1, -5, 100, most, -most]

const strings: [text: string, level: number][] = [
  ['50', 50],
  ['0', 0],
  ['+50', 50],
  ['-50', -50],
  ['0050', 50],
  [' 50 ', 50],
  ['\t+050\n', 50],
  [`${most}`, most],
  [`-000${most}`, -most],
]

const fractions: [fraction: number, level: number][] = [
  [50.57, 50],
  [-1.5, -1],
  [0.999, 0],
  [51146.98, 51146],
]

const noLevels: JsonValue[] = [
  ...['', ' ', '5.0', '1e2', '0x10', '5 0', '--5', '+-5', 'fifty', '1_0', '٥', 'Infinity', '-Infinity', 'NaN', 'null'],
  ...['9007199254740993', '-9007199254740993', '9'.repeat(400)],
  ...[2 ** 53, -(2 ** 53), 1e308, -1e308],
  ...[true, false, null, [], {}, [50], { level: 50 }],
]

/** Integers count in all versions, strings before 10, fractions before 6. */
export const levelValues: readonly LevelValue[] = [
  ...integers.map((value) => ({ value, level: byVersion({ '1-12': value }) })),
  ...strings.map(([value, level]) => ({ value, level: byVersion({ '1-9': level }) })),
  ...fractions.map(([value, level]) => ({ value, level: byVersion({ '1-5': level }) })),
  ...noLevels.map((value) => ({ value, level: new Map<string, number>() })),
]
