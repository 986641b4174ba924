import type { TObject, TSchema } from '@sinclair/typebox'
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv'
import { dropAbsentNulls } from './absent-nulls.ts'
import { badJson, invalidParam, missingParam, type MatrixError } from '#base/errors.ts'

/** Without the s flag, `^(.*)$` would let keys with a line break past the schema of their values. */
const regExp = Object.assign((pattern: string, flags: string) => new RegExp(pattern, `${flags}s`), {
  code: 'new RegExp',
})
const shared = { strictTypes: false, strictRequired: false, validateFormats: false, code: { regExp } } as const
// Compiled code is a pure function of its schema, so servers in one process may share it.
const requests = new Ajv({ ...shared, useDefaults: true })
const replies = new Ajv(shared)

type Part = 'path' | 'query' | 'body'

/** Compiles ahead of the first request, so that a wrong schema stops the start. */
export function compileSchemas(schemas: { requests: (TSchema | undefined)[]; replies: (TSchema | undefined)[] }): void {
  for (const schema of schemas.requests) if (schema) requests.compile(schema)
  for (const schema of schemas.replies) if (schema) replies.compile(schema)
}

/** The body with defaults filled in; unknown keys stay, as Matrix requires, and null is as good as nothing. */
export function validateBody(schema: TSchema, body: unknown): unknown {
  dropAbsentNulls(schema, body)
  return check({ schema, part: 'body' }, body)
}

/**
 * The query as the schema types it: only declared numbers and booleans are converted. Of a repeated key the first
 * counts. An empty parameter that may be left out is as good as none.
 */
export function validateQuery(schema: TObject, query: URLSearchParams): unknown {
  const values: Record<string, unknown> = {}
  for (const key of new Set(query.keys())) {
    const property = schema.properties[key] as TSchema | undefined
    const texts = query.getAll(key).filter((text) => text !== '' || isNeeded(schema, key))
    if (texts.length === 0) continue
    const value =
      property?.type === 'array' ? texts.map((text) => typed(property.items, text)) : typed(property, texts[0])
    Object.defineProperty(values, key, { value, enumerable: true, configurable: true, writable: true })
  }
  return check({ schema, part: 'query' }, values)
}

const isNeeded = ({ properties, required = [] }: TObject, key: string): boolean =>
  required.includes(key) && (properties[key] as TSchema).default === undefined

/** Path parameters as the schema types them. */
export function validateParams(schema: TObject, params: Record<string, string>): unknown {
  const values: Record<string, unknown> = {}
  for (const [name, text] of Object.entries(params)) values[name] = typed(schema.properties[name], text)
  return check({ schema, part: 'path' }, values)
}

/** What is wrong with a reply of this server, for the log; undefined when it is valid. */
export function replyViolation(schema: TSchema, reply: unknown): string | undefined {
  const validate = replies.compile(schema)
  return validate(reply) ? undefined : replies.errorsText(validate.errors, { dataVar: 'reply' })
}

/** Text that is no number stays text, for the schema to refuse. */
function typed(schema: TSchema | undefined, text: string | undefined): unknown {
  if (text === undefined) return text
  if (schema?.type === 'boolean') return text === 'true' || (text === 'false' ? false : text)
  if (schema?.type === 'integer')
    return /^-?\d+$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text
  if (schema?.type === 'number')
    return /^-?\d+(\.\d+)?$/.test(text) && Number.isFinite(Number(text)) ? Number(text) : text
  return text
}

function check({ schema, part }: { schema: TSchema; part: Part }, value: unknown): unknown {
  const validate: ValidateFunction = requests.compile(schema)
  if (validate(value)) return value
  throw refusal({ schema, part }, validate.errors?.at(-1))
}

function refusal({ schema, part }: { schema: TSchema; part: Part }, error: ErrorObject | undefined): MatrixError {
  const place = [part, ...declaredNames(schema, error?.instancePath ?? '')]
  if (error?.keyword === 'required') {
    const missing = [...place, String(error.params.missingProperty)].join('.')
    return missingParam(`${missing} is missing`)
  }
  const message = `${place.join('.')} ${complaint(error)}`
  return part === 'body' ? badJson(message) : invalidParam(message)
}

/** The path of the wrong value; without undeclared keys, which the client chose. */
function declaredNames(schema: TSchema, instancePath: string): string[] {
  const text = JSON.stringify(schema)
  const names = instancePath.split('/').slice(1)
  return names.map((name) => (/^\d+$/.test(name) || text.includes(`${JSON.stringify(name)}:`) ? name : '*'))
}

function complaint(error: ErrorObject | undefined): string {
  switch (error?.keyword) {
    case 'type':
      return `must be of type ${String(error.params.type)}`
    case 'minimum':
    case 'exclusiveMinimum':
    case 'maximum':
    case 'exclusiveMaximum':
      return `must be ${String(error.params.comparison)} ${String(error.params.limit)}`
    case 'minLength':
    case 'minItems':
      return `is shorter than ${String(error.params.limit)}`
    case 'maxLength':
    case 'maxItems':
    case 'maxProperties':
      return `is longer than ${String(error.params.limit)}`
    case 'pattern':
      return 'is not of the expected form'
    default:
      return 'has a value that is not allowed'
  }
}
