import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { rowReader } from '#store/engine/sqlite/row-reader.ts'

describe('rows of SQLite', () => {
  it('have the members that their columns name, with the values as they were stored', () => {
    using database = new DatabaseSync(':memory:')
    database.exec("create table t(a, b, c); insert into t values (1, 'ä', null), (2.5, '', x'00ff')")
    const read = rowReader()
    const rows = read(database.prepare('select * from t where a > ?'), [0])
    assert.deepEqual(rows, [
      { a: 1, b: 'ä', c: null },
      { a: 2.5, b: '', c: new Uint8Array([0, 255]) },
    ])
    assert.deepEqual(read(database.prepare('select a as x from t where a > 5'), []), [])
  })

  it('take the last of two columns with one name', () => {
    using database = new DatabaseSync(':memory:')
    assert.deepEqual(rowReader()(database.prepare('select 1 as a, 2 as a'), []), [{ a: 2 }])
  })

  it('follow a table that gets another column', () => {
    using database = new DatabaseSync(':memory:')
    database.exec('create table t(a); insert into t values (1)')
    const read = rowReader()
    const statement = database.prepare('select * from t')
    assert.deepEqual(read(statement, []), [{ a: 1 }])
    database.exec('alter table t add column b default 2')
    assert.deepEqual(read(statement, []), [{ a: 1, b: 2 }])
  })
})
