import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const myelin = (words: string[], env: Record<string, string> = {}) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...words], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  })
  return { status, stdout, stderr }
}

describe('command line', () => {
  it('lists every command under --help, on standard output', () => {
    const { status, stdout, stderr } = myelin(['--help'])

    assert.equal(status, 0)
    assert.equal(stderr, '')
    for (const command of ['start', 'doctor', 'config check', 'user create NAME', 'version', 'openapi', 'routes']) {
      assert.match(stdout, new RegExp(`^  ${command}`, 'm'))
    }
  })

  it('has --help at each level', () => {
    assert.match(myelin(['config', '--help']).stdout, /config example/)
    assert.doesNotMatch(myelin(['config', '--help']).stdout, /user create/)
    assert.match(myelin(['config', 'check', '--help']).stdout, /^Usage: myelin config check \[--config FILE\]$/m)
  })

  const misuses = [
    [],
    ['config'],
    ['nonsense'],
    ['config', 'chekc'],
    ['config', 'check', '--nonsense'],
    ['version', 'x'],
  ]
  for (const words of misuses) {
    it(`exits with 2 and tells the usage after: myelin ${words.join(' ')}`, () => {
      const { status, stdout, stderr } = myelin(words)

      assert.equal(status, 2)
      assert.equal(stdout, '')
      assert.match(stderr, /Commands:|Usage:/)
    })
  }

  it('exits with 1 and names every problem of a bad configuration', () => {
    const env = { MYELIN_SERVER_NAM: 'x', MYELIN_LISTEN_PORT: 'x' }
    const { status, stderr } = myelin(['config', 'check'], env)

    assert.equal(status, 1)
    assert.equal(stderr.trim().split('\n').length, 2)
    assert.match(stderr, /did you mean MYELIN_SERVER_NAME\?/)
  })

  it('prints the settings in force and the risks', () => {
    const { status, stdout, stderr } = myelin(['config', 'check'], { MYELIN_RATE_LIMITS_ENABLED: 'false' })

    assert.equal(status, 0)
    assert.match(stdout, /^server_name: localhost$/m)
    assert.match(stderr, /^warning: rate_limits\.enabled/)
  })

  it('N38 warns of a public server that does not say where clients reach it', () => {
    const { stderr } = myelin(['config', 'check'], { MYELIN_SERVER_NAME: 'example.org' })

    assert.match(stderr, /^warning: public_base_url is not set: clients are sent to https:\/\/example\.org$/m)
  })

  it('prints the version', () => {
    assert.match(myelin(['version']).stdout, /^myelin \d+\.\d+\.\d+, Node \d+/)
  })
})
