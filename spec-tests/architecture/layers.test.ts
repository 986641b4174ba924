import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('layers', () => {
  it('import downwards only and never in a circle', () => {
    const { status, stdout } = spawnSync('node_modules/.bin/depcruise', ['src'], { cwd: root, encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  })
})
