import { Type } from '@sinclair/typebox'
import { MatrixError, notFound } from '#base/errors.ts'
import type { Context } from '#context.ts'
import type { Answer } from '#http/send-answer.ts'
import { streamEndpoint } from '#http/stream-endpoint.ts'
import { isInteracting, passStage } from '#services/accounts/sessions/interactive-auth.ts'
import { fallbackPage, donePage, fallbackStages } from './fallback-page.ts'
import { readForm } from './read-form.ts'

const path = '/_matrix/client/v3/auth/:authType/fallback/web'
const Params = Type.Object({ authType: Type.String() })
const Query = Type.Object({ session: Type.String() })

const page = (body: string, status = 200): Answer => ({
  status,
  headers: {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'x-frame-options': 'DENY',
    'content-security-policy':
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'referrer-policy': 'no-referrer',
  },
  body,
})

/** https://spec.matrix.org/v1.19/client-server-api/#fallback */
export const getFallback = streamEndpoint({
  method: 'GET',
  path,
  auth: 'none',
  params: Params,
  query: Query,
  summary: 'Shows the page on which a person passes one stage of an authentication.',
  spec: 'client-server-api/#fallback',
  async handle(ctx, { params: { authType }, query: { session } }) {
    await requireSession(ctx, { authType, session })
    return page(fallbackPage(authType))
  },
})

/** What the form of that page sends. */
export const postFallback = streamEndpoint({
  method: 'POST',
  path,
  auth: 'none',
  limit: 'login',
  params: Params,
  query: Query,
  summary: 'Passes one stage of an authentication with what a person entered on the page.',
  spec: 'client-server-api/#fallback',
  async handle(ctx, { params: { authType }, query: { session }, wholeBody }) {
    await requireSession(ctx, { authType, session })
    const fields = readForm(await wholeBody())
    try {
      await passStage(ctx, { sessionId: session, auth: { ...fields, type: authType } })
    } catch (error) {
      if (error instanceof MatrixError && error.status === 403) return page(fallbackPage(authType, error.message), 403)
      throw error
    }
    return page(donePage)
  },
})

async function requireSession(
  ctx: Context,
  { authType, session }: { authType: string; session: string },
): Promise<void> {
  if (!fallbackStages.has(authType)) throw notFound('There is no such stage')
  if (!(await isInteracting(ctx, session))) throw notFound('The authentication session is not known')
}

export const fallback = [getFallback, postFallback]
