import { createHash } from 'node:crypto'
import { badJson, forbidden, invalidParam, notFound, tooLarge } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { JsonObject, JsonValue } from '#protocol/events/event.ts'
import type { CompiledFilter, Filter } from '#protocol/filters/filter.ts'
import { filterViolation } from '#protocol/filters/filter-violation.ts'
import { parseStrictJson } from '#protocol/json/parse-json.ts'
import type { UserId } from '#protocol/ids.ts'

/** Keeps a filter and answers its id: the same filter has the same id. */
export async function createFilter(
  { store, config }: Pick<Context, 'store' | 'config'>,
  userId: UserId,
  filter: JsonObject,
): Promise<string> {
  const violation = filterViolation(filter)
  if (violation !== undefined) throw badJson(violation)
  const text = JSON.stringify(filter)
  const filterId = createHash('sha256').update(text).digest('base64url').slice(0, 22)
  if ((await store.accounts.filters.find(userId, filterId)) !== undefined) return filterId
  const usage = await store.accounts.filters.usage(userId)
  if (usage.filters >= config.limits.filters_per_user) throw forbidden('You have too many filters')
  if (usage.bytes + Buffer.byteLength(text) > config.limits.filter_bytes_per_user)
    throw tooLarge('Your filters are too large')
  await store.accounts.filters.insert(userId, filterId, text)
  return filterId
}

/** Throws M_NOT_FOUND where the user has no such filter: clients then upload it again. */
export async function findFilter(
  { store }: Pick<Context, 'store'>,
  userId: UserId,
  filterId: string,
): Promise<JsonObject> {
  const text = await store.accounts.filters.find(userId, filterId)
  if (text === undefined) throw notFound('There is no such filter')
  return JSON.parse(text) as JsonObject
}

/** The filter of a `filter` parameter: JSON, or the id of one of the user's; absent, one that matches everything. */
export async function resolveFilter(
  ctx: Pick<Context, 'store' | 'filters'>,
  userId: UserId,
  param: string | undefined,
): Promise<CompiledFilter> {
  if (param === undefined || param === '') return ctx.filters.compile('', () => ({}))
  if (param.startsWith('{')) return ctx.filters.compile(param, () => inlineFilter(param))
  // The id is a hash of the filter, and still only valid for users who uploaded it.
  const key = `${userId} ${param}`
  return ctx.filters.find(key) ?? ctx.filters.compile(key, await storedFilter(ctx, userId, param))
}

const storedFilter = async (ctx: Pick<Context, 'store'>, userId: UserId, filterId: string) => {
  const filter = (await findFilter(ctx, userId, filterId)) as Filter
  return () => filter
}

function inlineFilter(text: string): Filter {
  const filter = parsed(text)
  const violation = filterViolation(filter)
  if (violation !== undefined) throw invalidParam(violation)
  return filter as Filter
}

function parsed(text: string): JsonValue {
  try {
    return parseStrictJson(text)
  } catch {
    throw invalidParam('The filter is not JSON')
  }
}
