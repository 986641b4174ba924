import type { Config } from '#base/config/schema.ts'

/** What a check found; a `problem` keeps the server from working as it should. */
export type Finding = { level: 'ok' | 'warning' | 'problem'; text: string }

export const ok = (text: string): Finding => ({ level: 'ok', text })
export const warning = (text: string): Finding => ({ level: 'warning', text })
export const problem = (text: string): Finding => ({ level: 'problem', text })

export type Check = {
  about: string
  /** Throws where it cannot be made: that is a problem as well. */
  run(config: Config): Promise<Finding>
}

export const MiB = 2 ** 20

/** Of several findings about one thing: the worst, with the texts of all that are as bad. */
export function worst(findings: readonly Finding[], otherwise: string): Finding {
  for (const level of ['problem', 'warning'] as const) {
    const found = findings.filter((finding) => finding.level === level)
    if (found.length > 0) return { level, text: found.map(({ text }) => text).join('; ') }
  }
  return ok(otherwise)
}
