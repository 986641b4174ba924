import { globSync, readFileSync } from 'node:fs'
import ts from 'typescript'

const root = new URL('../../', import.meta.url)
const writing = new Set(['insert', 'update', 'delete', 'del', 'truncate', 'increment', 'decrement'])
/** Functions of ours that write the table named by their first argument. */
const writers = new Set(['insert', 'update'])
/** Names of the query builder, bound to the pool or to a transaction. */
const builders = new Set(['db', 'tx'])
const sqlWrite = /\b(?:insert into|delete from|update)\s+(?!set\b)(\w+)/g

/** Every write of a table in the source: which file (in src/store) writes which table, by all the ways there are. */
export function tableWrites(): Map<string, Set<string>> {
  const written = new Map<string, Set<string>>()
  for (const file of globSync('src/**/*.ts', { cwd: root })) {
    const source = ts.createSourceFile(file, readFileSync(new URL(file, root), 'utf8'), ts.ScriptTarget.Latest, true)
    for (const table of tablesOf(source)) {
      const files = written.get(table) ?? new Set()
      written.set(table, files.add(file.replace(/^src\/store\//, '')))
    }
  }
  return written
}

function tablesOf(source: ts.SourceFile): Set<string> {
  const tables = new Set<string>()
  const visit = (node: ts.Node): void => {
    for (const table of [...builtWrites(node), ...sqlWrites(node), ...rowWrites(node)]) tables.add(table)
    ts.forEachChild(node, visit)
  }
  visit(source)
  return tables
}

/** `db('table')....insert(...)`, and calls of the functions that write the table they are given. */
function builtWrites(node: ts.Node): string[] {
  if (!ts.isCallExpression(node)) return []
  if (ts.isIdentifier(node.expression) && node.expression.text === 'deleteSome') return namedIn(node.arguments[0])
  if (ts.isIdentifier(node.expression) && writers.has(node.expression.text)) return namesOf(node.arguments[0])
  if (!ts.isPropertyAccessExpression(node.expression) || !writing.has(node.expression.name.text)) return []
  return tablesOfQuery(node.expression.expression)
}

/** The value of `table` in an object. */
function namedIn(argument: ts.Expression | undefined): string[] {
  const fields = argument && ts.isObjectLiteralExpression(argument) ? argument.properties : []
  const table = fields.find((field) => field.name?.getText() === 'table')
  if (table && ts.isShorthandPropertyAssignment(table)) return namesOf(table.name)
  return table && ts.isPropertyAssignment(table) ? namesOf(table.initializer) : []
}

/** The table with which a chain of calls of the query builder begins. */
function tablesOfQuery(expression: ts.Expression): string[] {
  let at = expression
  for (;;) {
    if (ts.isParenthesizedExpression(at) || ts.isPropertyAccessExpression(at)) at = at.expression
    else if (ts.isCallExpression(at) && ts.isPropertyAccessExpression(at.expression)) at = at.expression.expression
    else break
  }
  if (!ts.isCallExpression(at) || !ts.isIdentifier(at.expression)) return []
  if (builders.has(at.expression.text)) return namesOf(at.arguments[0])
  const made = declarationOf(at.expression)
  return made ? queriesIn(made) : []
}

/** The tables of queries that a function of the same file makes. */
function queriesIn(node: ts.Node): string[] {
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && builders.has(node.expression.text))
    return namesOf(node.arguments[0])
  return ts.forEachChild(node, (child) => orNothing(queriesIn(child))) ?? []
}

function declarationOf(name: ts.Identifier): ts.Node | undefined {
  const find = (node: ts.Node): ts.Node | undefined => {
    const declares = ts.isVariableDeclaration(node) || ts.isFunctionDeclaration(node)
    if (declares && node.name && ts.isIdentifier(node.name) && node.name.text === name.text) return node
    return ts.forEachChild(node, find)
  }
  return find(name.getSourceFile())
}

/** The tables that an argument may name: a text, or a variable over a list of texts or of a type made of them. */
function namesOf(argument: ts.Expression | undefined): string[] {
  if (!argument) return []
  if (ts.isStringLiteralLike(argument)) return [argument.text.replace(/ as \w+$/, '')]
  if (!ts.isIdentifier(argument)) return [`? ${argument.getText()}`]
  const unknown = [`? ${argument.text}`]
  const scope = enclosing(argument, (node) => bindsName(node, argument.text))
  if (scope && ts.isForOfStatement(scope)) return textsIn(scope.expression)
  const parameter =
    scope && ts.isFunctionLike(scope) ? scope.parameters.find((one) => isNamed(one, argument.text)) : undefined
  const named = parameter?.type && ts.isTypeReferenceNode(parameter.type) ? parameter.type.typeName.getText() : ''
  const alias = parameter
    ?.getSourceFile()
    .statements.find((one) => ts.isTypeAliasDeclaration(one) && one.name.text === named)
  return alias ? textsIn(alias) : unknown
}

const isNamed = (node: { name: ts.Node }, name: string): boolean =>
  ts.isIdentifier(node.name) && node.name.text === name

function bindsName(node: ts.Node, name: string): boolean {
  if (ts.isFunctionLike(node)) return node.parameters.some((one) => isNamed(one, name))
  if (!ts.isForOfStatement(node) || !ts.isVariableDeclarationList(node.initializer)) return false
  return node.initializer.declarations.some((one) => isNamed(one, name))
}

function enclosing(node: ts.Node, isIt: (node: ts.Node) => boolean): ts.Node | undefined {
  for (let at: ts.Node | undefined = node.parent; at; at = at.parent) if (isIt(at)) return at
  return undefined
}

function textsIn(node: ts.Node): string[] {
  if (ts.isStringLiteral(node)) return [node.text]
  const texts: string[] = []
  ts.forEachChild(node, (child) => void texts.push(...textsIn(child)))
  return texts
}

/** SQL as text. */
function sqlWrites(node: ts.Node): string[] {
  if (!ts.isStringLiteralLike(node) && !ts.isTemplateExpression(node)) return []
  return [...node.getText().matchAll(sqlWrite)].map(([, table = '']) => table)
}

/** Values that say how rows of a table change: operations of a batch, and repairs. */
function rowWrites(node: ts.Node): string[] {
  if (!ts.isObjectLiteralExpression(node)) return []
  const fields = new Map(node.properties.flatMap((one) => (one.name ? [[one.name.getText(), one] as const] : [])))
  const table = fields.get('table')
  if (!table || !ts.isPropertyAssignment(table) || !(fields.has('kind') || fields.has('expected'))) return []
  return ts.isStringLiteral(table.initializer) ? [table.initializer.text] : []
}

const orNothing = (names: string[]): string[] | undefined => (names.length > 0 ? names : undefined)
