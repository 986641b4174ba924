import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { findRisks } from '#base/config/checks.ts'
import { coerce } from '#base/config/environment.ts'
import { keysOf, variableOf } from '#base/config/keys.ts'
import { loadConfig } from '#base/config/load.ts'
import { editDistance, nearest } from '#base/config/nearest.ts'
import { renderConfig, renderExample, renderSchema } from '#base/config/render.ts'
import { ConfigSchema } from '#base/config/schema.ts'
import { ConfigError } from '#base/config/settings.ts'
import { roomVersions } from '#protocol/rooms/room-version.ts'

describe('configuration', () => {
  let folder = ''
  before(() => (folder = mkdtempSync(join(tmpdir(), 'myelin-config-'))))
  after(() => rmSync(folder, { recursive: true }))

  const fileWith = (text: string): string => {
    const file = join(folder, 'test.yaml')
    writeFileSync(file, text)
    return file
  }
  const problemsOf = (load: () => unknown): readonly string[] => {
    try {
      load()
    } catch (error) {
      assert.ok(error instanceof ConfigError)
      return error.problems
    }
    return []
  }

  it('needs nothing: every setting has a default or may be absent', () => {
    const config = loadConfig()

    assert.equal(config.server_name, 'localhost')
    assert.equal(config.listen.port, 8008)
    assert.equal(config.rate_limits.login.burst, 10)
  })

  it('lets the file win over the defaults and the environment over the file', () => {
    const file = fileWith('server_name: file.example\nlisten:\n  port: 1000\n  host: "::"\n')
    const config = loadConfig({ file, env: { MYELIN_LISTEN_PORT: '2000', HOME: '/root' } })

    assert.equal(config.server_name, 'file.example')
    assert.equal(config.listen.host, '::')
    assert.equal(config.listen.port, 2000)
    assert.equal(config.database.pool_size, 10)
  })

  it('finds settings by their variable although names hold underscores', () => {
    const env = {
      MYELIN_RATE_LIMITS_ROOM_CREATE_PER_SECOND: '0.25',
      MYELIN_RATE_LIMITS_ENABLED: 'false',
      MYELIN_DATA_DIR: '/data',
      MYELIN_REGISTRATION_SHARED_SECRET: '12345',
      MYELIN_LISTEN_TRUSTED_PROXIES: '10.0.0.0/8, ::1',
    }
    const config = loadConfig({ env })

    assert.equal(config.rate_limits.room_create.per_second, 0.25)
    assert.equal(config.rate_limits.enabled, false)
    assert.equal(config.data_dir, '/data')
    assert.equal(config.registration.shared_secret, '12345')
    assert.deepEqual(config.listen.trusted_proxies, ['10.0.0.0/8', '::1'])
  })

  it('gives every setting a variable of its own and a sentence', () => {
    const keys = keysOf(ConfigSchema)
    const variables = keys.map(({ path }) => variableOf(path))

    assert.equal(new Set(variables).size, variables.length)
    for (const { path, schema } of keys) assert.match(String(schema['description']), /\.$/, path.join('.'))
  })

  it('reports all problems at once: the key, its origin, what was expected, what was probably meant', () => {
    const file = fileWith('server_nam: x\nlisten:\n  prot: 5\n  port: abc\nport: 7\nregistration:\n  mode: opn\n')
    const env = { MYELIN_LISTEN_PROT: '1', MYELIN_RATE_LIMITS_LOGIN_BURST: 'many' }

    assert.deepEqual([...problemsOf(() => loadConfig({ file, env }))].sort(), [
      'MYELIN_LISTEN_PROT: unknown environment variable; did you mean MYELIN_LISTEN_PORT?',
      'listen.port (test.yaml line 4): expected a whole number from 0 to 65535, got "abc"',
      'listen.prot (test.yaml line 3): unknown key; did you mean listen.port?',
      'port (test.yaml line 5): unknown key; did you mean listen.port?',
      'rate_limits.login.burst (MYELIN_RATE_LIMITS_LOGIN_BURST): expected a whole number of at least 1, got "many"',
      'registration.mode (test.yaml line 7): expected one of closed, token, open, got "opn"',
      'server_nam (test.yaml line 1): unknown key; did you mean server_name?',
    ])
  })

  it('never prints a secret, neither in problems nor among the settings in force', () => {
    const problems = problemsOf(() => loadConfig({ settings: { registration: { shared_secret: ['hunter2'] } } }))
    const shown = renderConfig(loadConfig({ env: { MYELIN_DATABASE_URL: 'postgres://u:hunter2@localhost/db' } }))

    assert.deepEqual(problems, ['registration.shared_secret: expected a text'])
    assert.doesNotMatch(shown, /hunter2/)
    assert.match(shown, /url: "\[secret\]"/)
  })

  it('names the line of a syntax error and of a doubled key', () => {
    assert.match(problemsOf(() => loadConfig({ file: fileWith('a: 1\nb: [1\nc: 2\n') }))[0]!, /^test\.yaml line 3: /)
    assert.match(
      problemsOf(() => loadConfig({ file: fileWith('data_dir: a\ndata_dir: b\n') }))[0]!,
      /^test\.yaml line 2: /,
    )
    assert.match(problemsOf(() => loadConfig({ file: fileWith('- a\n') }))[0]!, /expected keys and values/)
    assert.match(problemsOf(() => loadConfig({ file: join(folder, 'absent') }))[0]!, /cannot be read \(ENOENT\)/)
  })

  it('takes a group or key without a value as absent, and a bare number where a text is meant', () => {
    const config = loadConfig({ file: fileWith('listen:\ndata_dir:\nrooms:\n  default_version: 11\n') })

    assert.equal(config.listen.port, 8008)
    assert.equal(config.data_dir, './data')
    assert.equal(config.rooms.default_version, '11')
  })

  it('refuses values of the wrong kind from a file', () => {
    const settings = { listen: 5, rate_limits: { enabled: 'yes' }, limits: [], registration: { mode: true } }
    const problems = problemsOf(() => loadConfig({ settings, env: { MYELIN_LISTEN_PORT: '1' } }))

    assert.deepEqual([...problems].sort(), [
      'limits: expected a group of keys, got []',
      'listen: expected a group of keys, got 5',
      'rate_limits.enabled: expected true or false, got "yes"',
      'registration.mode: expected one of closed, token, open, got true',
    ])
  })

  it('does not let __proto__ or inherited names pass as keys', () => {
    const problems = problemsOf(() => loadConfig({ file: fileWith('__proto__:\n  a: 1\nconstructor: 1\n') }))

    assert.equal(problems.length, 2)
    assert.equal(({} as Record<string, unknown>)['a'], undefined)
  })

  it('answers a configuration that nobody can change', () => {
    const config = loadConfig()

    assert.throws(() => Object.assign(config.listen, { port: 1 }), TypeError)
    assert.throws(() => Object.assign(config, { server_name: 'x' }), TypeError)
  })

  it('knows exactly the room versions of the protocol', () => {
    const key = keysOf(ConfigSchema).find(({ path }) => path.join('.') === 'rooms.default_version')!

    assert.deepEqual(
      key.schema['enum'],
      roomVersions.map((version) => version.id),
    )
  })

  const valid = ['example.org', 'localhost', 'hs1', 'a.example:8448', '1.2.3.4', '[::1]:8448', '127.0.0.1:8008']
  const invalid = ['https://example.org', 'example.org/', 'a b', '[::1', '1.2.3.999', 'a:999999', 'ä.example', '']
  for (const name of valid) {
    it(`accepts ${name} as server name`, () =>
      assert.equal(loadConfig({ settings: { server_name: name } }).server_name, name))
  }
  for (const name of invalid) {
    it(`refuses ${JSON.stringify(name)} as server name`, () => {
      assert.match(problemsOf(() => loadConfig({ settings: { server_name: name } }))[0]!, /^server_name: expected/)
    })
  }

  it('accepts the two forms of database address and no other, without repeating it', () => {
    const load = (url: string) => problemsOf(() => loadConfig({ settings: { database: { url } } }))

    for (const url of ['postgres://u:p@h/db', 'postgresql://h/db', 'sqlite:/data/x.db']) assert.deepEqual(load(url), [])
    for (const url of ['mysql://h/secret', 'postgres://h', 'sqlite:', 'secret']) {
      assert.deepEqual(load(url), ['database.url: expected postgres://user:password@host/name or sqlite:PATH'])
    }
  })

  it('refuses proxies that are neither addresses nor ranges', () => {
    const load = (range: string) => problemsOf(() => loadConfig({ settings: { listen: { trusted_proxies: [range] } } }))

    for (const range of ['10.0.0.1', '10.0.0.0/8', '::1', 'fd00::/8']) assert.deepEqual(load(range), [])
    for (const range of ['proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', ''])
      assert.equal(load(range).length, 1, range)
  })

  it('T73 refuses a public server without rate limits or with weak password hashes', () => {
    const settings = {
      server_name: 'example.org',
      rate_limits: { enabled: false },
      accounts: { password_hash_memory_kib: 64 },
    }

    assert.deepEqual(
      problemsOf(() => loadConfig({ settings })),
      [
        'rate_limits.enabled: false is for tests only and refused for the public server name example.org',
        'accounts.password_hash_memory_kib: 64 is for tests only and refused for the public server name example.org',
      ],
    )
  })

  it('T73 allows test settings where no stranger comes, and says so', () => {
    for (const server_name of [
      'localhost',
      'localhost:8448',
      'hs1',
      'a.test',
      '127.0.0.1:8008',
      '[::1]',
      '192.168.1.2',
    ]) {
      const config = loadConfig({ settings: { server_name, rate_limits: { enabled: false } } })
      assert.deepEqual(findRisks(config), ['rate_limits.enabled: false is for tests only'], server_name)
    }
    for (const server_name of ['8.8.8.8', 'example.org:8448', 'localhost.example.org', '172.32.0.1', '[2001:db8::1]']) {
      const settings = { server_name, rate_limits: { enabled: false } }
      assert.equal(problemsOf(() => loadConfig({ settings })).length, 1, server_name)
    }
  })

  it('T73 warns of open registration on a public server', () => {
    const open = loadConfig({ settings: { server_name: 'example.org', registration: { mode: 'open' } } })
    const public_base_url = 'https://matrix.example.org'
    const closed = loadConfig({ settings: { server_name: 'example.org', public_base_url } })

    assert.match(findRisks(open)[0]!, /^registration\.mode: open/)
    assert.deepEqual(findRisks(closed), [])
  })

  it('N38 warns of a public server that does not say where clients reach it', () => {
    const silent = loadConfig({ settings: { server_name: 'example.org' } })
    const local = loadConfig({ settings: { server_name: 'localhost' } })

    assert.deepEqual(findRisks(silent), ['public_base_url is not set: clients are sent to https://example.org'])
    assert.deepEqual(findRisks(local), [])
  })

  it('commits the example file and the JSON Schema as they are generated', () => {
    const committed = (name: string) => readFileSync(new URL(`../../config/${name}`, import.meta.url), 'utf8')

    assert.equal(
      committed('example.yaml'),
      renderExample(),
      'npm run -s myelin -- config example > config/example.yaml',
    )
    assert.equal(committed('schema.json'), renderSchema(), 'npm run -s myelin -- config schema > config/schema.json')
  })

  it('reads the example file as the defaults, also with every key uncommented', () => {
    const plain = loadConfig({ file: fileWith(renderExample()) })
    const uncommented = renderExample().replace(/(\]\n *)# /g, '$1')

    assert.deepEqual(plain, loadConfig())
    assert.deepEqual(loadConfig({ file: fileWith(uncommented) }), loadConfig())
  })

  it('reads any text of a variable without throwing anything but problems', () => {
    const keys = keysOf(ConfigSchema)
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.string(), ({ path }, text) => {
        problemsOf(() => loadConfig({ env: { [variableOf(path)]: text } }))
      }),
      { numRuns: 300 },
    )
  })
})

describe('values of variables', () => {
  it('follow the type of the setting', () => {
    assert.equal(coerce({ type: 'boolean' } as never, 'true'), true)
    assert.equal(coerce({ type: 'integer' } as never, '0x10'), 16)
    assert.equal(coerce({ type: 'integer' } as never, ' '), ' ')
    assert.equal(coerce({ type: 'string' } as never, 'true'), 'true')
    assert.deepEqual(coerce({ type: 'array' } as never, '["a,b"]'), ['a,b'])
    assert.deepEqual(coerce({ type: 'object' } as never, '{"a":1}'), { a: 1 })
    assert.equal(coerce({ type: 'object' } as never, '{'), '{')
  })
})

describe('the nearest word', () => {
  it('is found by the fewest edits, and is nothing when all are far', () => {
    assert.equal(nearest('prot', ['host', 'port', 'pool']), 'port')
    assert.equal(nearest('completely', ['host', 'port']), undefined)
  })

  it('is measured by a metric', () => {
    const word = fc.string({ maxLength: 8 })
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        assert.equal(editDistance(a, b), editDistance(b, a))
        assert.equal(editDistance(a, b) === 0, a === b)
        assert.ok(editDistance(a, c) <= editDistance(a, b) + editDistance(b, c))
      }),
    )
  })
})
