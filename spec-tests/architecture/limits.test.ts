import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { keysOf } from '#base/config/keys.ts'
import { ConfigSchema } from '#base/config/schema.ts'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const documented = read('docs/limits.md')
const digits = (text: string) => text.replaceAll(/(?<=\d)_(?=\d)/g, '')

describe('the list of limits', () => {
  it('names every limit of the configuration with its default', () => {
    const limits = keysOf(ConfigSchema).filter(
      ({ path: [group, ...rest] }) => group === 'limits' || (group === 'rate_limits' && rest.length > 1),
    )
    const wanted = limits.map(({ path, schema }) => `${path.join('.')} ${String(schema['default'])}`)
    const listed = [...documented.matchAll(/^\| `((?:rate_)?limits\.[\w.]+)` +\| ([\d._]+) +\| *\S.*\|$/gm)].map(
      ([, key, value]) => `${key} ${digits(value ?? '')}`,
    )

    assert.deepEqual(listed.sort(), wanted.sort())
  })

  it('names every constant that is one, with its file and value', () => {
    const wanted = globSync('src/**/*.ts', { cwd: root }).flatMap((file) =>
      [...read(file).matchAll(/^(?:export )?const (max[A-Z]\w*) = (.+)$/gm)].map(
        ([, name, value]) => `${name} ${file.slice('src/'.length)} ${digits(value ?? '')}`,
      ),
    )
    const listed = [...documented.matchAll(/^\| `(max\w+)` +\| `([\w./-]+)` +\| (.+?) +\| *\S.*\|$/gm)].map(
      ([, name, file, value]) => `${name} ${file} ${digits(value ?? '')}`,
    )

    assert.deepEqual(listed.sort(), wanted.sort())
  })
})
