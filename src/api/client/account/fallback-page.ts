type Form = { title: string; field?: { name: string; type: string; label: string } }

/** Stages with a fallback page. */
export const fallbackStages: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['m.login.dummy', { title: 'Continue' }],
  [
    'm.login.password',
    { title: 'Confirm with your password', field: { name: 'password', type: 'password', label: 'Password' } },
  ],
  [
    'm.login.registration_token',
    { title: 'Register with a token', field: { name: 'token', type: 'text', label: 'Registration token' } },
  ],
])

const style =
  'body{font:16px sans-serif;max-width:24em;margin:4em auto;padding:0 1em}input,button{font:inherit;padding:.4em}'

const html = (title: string, content: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">` +
  `<title>${title}</title><style>${style}</style></head><body><h1>${title}</h1>${content}</body></html>`

/** The page of a stage; `refusal` is the message about the previous attempt. */
export function fallbackPage(stage: string, refusal?: string): string {
  const { title, field } = fallbackStages.get(stage) ?? { title: 'Continue' }
  const input = field
    ? `<p><label>${field.label}<br><input name="${field.name}" type="${field.type}" autofocus required></label></p>`
    : ''
  const complaint = refusal === undefined ? '' : `<p role="alert">${refusal}</p>`
  return html(title, `${complaint}<form method="post">${input}<button>Continue</button></form>`)
}

/** Notifies the client that opened the page; the specification prescribes this script. */
export const donePage: string = html(
  'Done',
  `<p>You can close this window.</p><script>if(window.onAuthDone){window.onAuthDone()}` +
    `else if(window.opener&&window.opener.postMessage){window.opener.postMessage("authDone","*")}</script>`,
)
