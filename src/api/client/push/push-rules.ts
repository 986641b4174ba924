import { Type } from '@sinclair/typebox'
import { notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import { endpoint } from '#http/endpoint.ts'
import type { JsonValue } from '#protocol/events/event.ts'
import {
  deleteRule,
  findRule,
  putRule,
  setRuleActions,
  setRuleEnabled,
  type RuleKey,
} from '#protocol/push/push-rules.ts'
import type { PushRule } from '#protocol/push/push-ruleset.ts'
import { changeRules, findRuleset } from '#services/push/rules.ts'
import { JsonBody } from '#api/client/json-object.ts'
import type { UserId } from '#protocol/ids.ts'

const all = '/_matrix/client/v3/pushrules'
const path = `${all}/global/:kind/:ruleId`
const Params = Type.Object({ kind: Type.String(), ruleId: Type.String() })
const Nothing = Type.Object({})
const Json = Type.Unsafe<JsonValue>({})
const Actions = Type.Object({ actions: Type.Array(Json) })
const Enabled = Type.Object({ enabled: Type.Boolean() })
const Rule = Type.Unsafe<PushRule>({ type: 'object' })

async function requireRule(ctx: Context, userId: UserId, key: RuleKey): Promise<PushRule> {
  const rule = findRule(await findRuleset(ctx, userId), key)
  if (!rule) throw notFound('The push rule was not found')
  return rule
}

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrules */
export const getPushRules = endpoint({
  method: 'GET',
  path: [`${all}/`, all],
  auth: 'user',
  reply: Type.Object({ global: JsonBody }),
  summary: "Lists the user's push rules.",
  spec: 'client-server-api/#get_matrixclientv3pushrules',
  async handle(ctx, _received, { userId }) {
    return { global: await findRuleset(ctx, userId) }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobal */
export const getGlobalPushRules = endpoint({
  method: 'GET',
  path: [`${all}/global/`, `${all}/global`],
  auth: 'user',
  reply: JsonBody,
  summary: "Lists the user's push rules without saying that they are global.",
  spec: 'client-server-api/#get_matrixclientv3pushrulesglobal',
  async handle(ctx, _received, { userId }) {
    return findRuleset(ctx, userId)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleid */
export const getPushRule = endpoint({
  method: 'GET',
  path,
  auth: 'user',
  params: Params,
  reply: Rule,
  summary: 'Shows one push rule.',
  spec: 'client-server-api/#get_matrixclientv3pushrulesglobalkindruleid',
  async handle(ctx, { params }, { userId }) {
    return requireRule(ctx, userId, params)
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid */
export const putPushRule = endpoint({
  method: 'PUT',
  path,
  auth: 'user',
  params: Params,
  query: Type.Object({ before: Type.Optional(Type.String()), after: Type.Optional(Type.String()) }),
  body: Type.Object({
    actions: Type.Array(Json),
    conditions: Type.Optional(Type.Array(Json)),
    pattern: Type.Optional(Json),
  }),
  reply: Nothing,
  summary: 'Adds a push rule or changes it.',
  spec: 'client-server-api/#put_matrixclientv3pushrulesglobalkindruleid',
  async handle(ctx, { params, query: { before, after }, body: { actions, conditions, pattern } }, { userId }) {
    await changeRules(ctx, userId, (rules) =>
      putRule(rules, params, {
        actions,
        ...(conditions && { conditions }),
        ...(pattern !== undefined && { pattern }),
        ...(before !== undefined && { before }),
        ...(after !== undefined && { after }),
      }),
    )
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3pushrulesglobalkindruleid */
export const deletePushRule = endpoint({
  method: 'DELETE',
  path,
  auth: 'user',
  params: Params,
  reply: Nothing,
  summary: "Deletes one of the user's own push rules.",
  spec: 'client-server-api/#delete_matrixclientv3pushrulesglobalkindruleid',
  async handle(ctx, { params }, { userId }) {
    await changeRules(ctx, userId, (rules) => deleteRule(rules, params))
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidenabled */
export const getPushRuleEnabled = endpoint({
  method: 'GET',
  path: `${path}/enabled`,
  auth: 'user',
  params: Params,
  reply: Enabled,
  summary: 'Shows whether a push rule is enabled.',
  spec: 'client-server-api/#get_matrixclientv3pushrulesglobalkindruleidenabled',
  async handle(ctx, { params }, { userId }) {
    const { enabled } = await requireRule(ctx, userId, params)
    return { enabled }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled */
export const putPushRuleEnabled = endpoint({
  method: 'PUT',
  path: `${path}/enabled`,
  auth: 'user',
  params: Params,
  body: Enabled,
  reply: Nothing,
  summary: 'Puts a push rule in force or out of it.',
  spec: 'client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled',
  async handle(ctx, { params, body: { enabled } }, { userId }) {
    await changeRules(ctx, userId, (rules) => setRuleEnabled(rules, params, enabled))
    return {}
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidactions */
export const getPushRuleActions = endpoint({
  method: 'GET',
  path: `${path}/actions`,
  auth: 'user',
  params: Params,
  reply: Actions,
  summary: 'Shows what a push rule does.',
  spec: 'client-server-api/#get_matrixclientv3pushrulesglobalkindruleidactions',
  async handle(ctx, { params }, { userId }) {
    const { actions } = await requireRule(ctx, userId, params)
    return { actions: actions as JsonValue[] }
  },
})

/** https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions */
export const putPushRuleActions = endpoint({
  method: 'PUT',
  path: `${path}/actions`,
  auth: 'user',
  params: Params,
  body: Actions,
  reply: Nothing,
  summary: 'Changes what a push rule does.',
  spec: 'client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions',
  async handle(ctx, { params, body: { actions } }, { userId }) {
    await changeRules(ctx, userId, (rules) => setRuleActions(rules, params, actions))
    return {}
  },
})

export const pushRules = [
  getPushRules,
  getGlobalPushRules,
  getPushRule,
  putPushRule,
  deletePushRule,
  getPushRuleEnabled,
  putPushRuleEnabled,
  getPushRuleActions,
  putPushRuleActions,
]
