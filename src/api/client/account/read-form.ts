/** The fields of a small form as browsers send them. */
export const readForm = (body: Buffer): Record<string, string> =>
  Object.fromEntries(new URLSearchParams(body.toString('utf8')))
