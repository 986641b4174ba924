import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'

const root = new URL('../../', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const maxWords = 1800

/** Every file and folder of the project. */
const folders = ['src', 'spec-tests', 'docs', 'config', 'migrations', 'bench']
const present = globSync(['*', '.*', ...folders.map((folder) => `${folder}/**`)], { cwd: root })

/** `a/{b,c}` and `a/(b,c)` name several. */
function expand(path: string): string[] {
  const [, before, list, after] = /^(.*?)[{(]([^})]*)[})](.*)$/.exec(path) ?? []
  return list === undefined ? [path] : list.split(',').flatMap((name) => expand(`${before}${name}${after}`))
}

/** Whether it is a path from the root, from `src`, or the end of one; `*` and `<word>` stand for any name. */
function exists(path: string): boolean {
  const parts = path.replace(/\/$/, '').split(/\*|<[^>]*>/)
  const pattern = parts.map((part) => part.replaceAll(/[.$^+?()[\]{}|\\]/g, '\\$&')).join('[^/]*')
  return present.some((one) => new RegExp(`(^|/)${pattern}$`).test(one))
}

const isPath = (text: string): boolean =>
  /^[\w.-]+(\/[\w.<>*{},()-]+)+\/?$|^[\w.-]+\/$|^[\w-]+\.(ts|md|yaml|cjs)$/.test(text) && !text.includes('://')

/** The paths that a document names in its text; lines that begin with `- To come:` name those that are not there yet. */
function named(document: string): { there: string[]; toCome: string[] } {
  const text = document.replaceAll(/```[^]*?```/g, '')
  const pathsIn = (some: string[]) =>
    some.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code)).filter(isPath)
  const lines = Object.groupBy(text.split('\n'), (line) => (line.startsWith('- To come:') ? 'later' : 'now'))
  const { now = [], later = [] } = lines
  return { there: pathsIn(now).flatMap(expand), toCome: pathsIn(later).flatMap(expand) }
}

/** The paths of the map; what stands in parentheses is to come. */
function mapped(): { there: string[]; toCome: string[] } {
  const [, map = ''] = /## The map[^]*?```\n([^]*?)```/.exec(read('ARCHITECTURE.md')) ?? []
  const paths = map
    .split('\n')
    .flatMap((line) => line.split(/\s+/, 1))
    .filter((path) => path !== '')
  const isToCome = (path: string) => path.includes('(')
  return {
    there: paths.filter((path) => !isToCome(path)).flatMap(expand),
    toCome: paths.filter(isToCome).flatMap(expand),
  }
}

const documents = ['ARCHITECTURE.md', ...globSync('docs/decisions/*.md', { cwd: root })]

describe('what describes the tree', () => {
  for (const document of documents)
    it(`${document} names files and folders that are there`, () => {
      const { there, toCome } = named(read(document))
      assert.deepEqual(
        there.filter((path) => !exists(path)),
        [],
      )
      assert.deepEqual(toCome.filter(exists), [])
      const links = [...read(document).matchAll(/\]\(([^)#:]+)\)/g)].map(([, link = '']) => link)
      const folder = document.replace(/[^/]*$/, '')
      for (const link of links) assert.ok(present.includes(`${folder}${link}`), link)
    })

  it('is a map of every folder of the domains, with what is to come marked', () => {
    const { there, toCome } = mapped()
    assert.ok(there.length > 30)
    assert.deepEqual(
      there.filter((path) => !present.includes(path)),
      [],
    )
    assert.deepEqual(
      toCome.filter((path) => present.includes(path)),
      [],
    )
    const domains = globSync(
      ['src/{store,services,api}/*', 'src/services/{accounts,rooms,federation,sync}/*', 'src/api/client/*'],
      { cwd: root, withFileTypes: true },
    )
      .filter((entry) => entry.isDirectory())
      .map((entry) => `${entry.parentPath}/${entry.name}`.slice(new URL(root).pathname.length))
    const covered = (folder: string) => there.some((path) => path === folder || path.startsWith(`${folder}/`))
    assert.deepEqual(
      domains.filter((folder) => !covered(folder)),
      [],
    )
  })

  it('is short enough to be read', () => {
    const words = read('ARCHITECTURE.md').split(/\s+/).length
    assert.ok(words <= maxWords, `${words} words`)
  })
})
