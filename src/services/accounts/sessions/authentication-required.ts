import { MatrixError } from '#base/errors.ts'

/** The state of a user-interactive authentication, as clients get it. */
export type AuthenticationProgress = { session: string; flows: string[][]; completed: string[] }

/** The 401 of user-interactive authentication; it has an error code only after a stage was refused. */
export class AuthenticationRequired extends MatrixError {
  constructor({ session, flows, completed }: AuthenticationProgress, refusal?: MatrixError) {
    const progress = { session, flows: flows.map((stages) => ({ stages })), params: {}, completed }
    const reason = refusal && { errcode: refusal.errcode, error: refusal.message }
    super(401, refusal?.errcode ?? 'M_FORBIDDEN', refusal?.message ?? 'Authentication is required', {
      fields: { ...progress, ...reason },
    })
  }

  override body(): Record<string, unknown> {
    return this.fields
  }
}
