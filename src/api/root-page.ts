import { createHash } from 'node:crypto'
import { about } from '#base/about.ts'
import { publicBaseUrl } from '#base/config/public-url.ts'
import type { Config } from '#base/config/schema.ts'
import { streamEndpoint } from '#http/stream-endpoint.ts'

const style =
  'body{font:1.05em/1.5 sans-serif;max-width:36em;margin:4em auto;padding:0 1em}code{background:#8882;padding:.1em .3em}' +
  ':root{color-scheme:light dark}'

/** Allows the page's own style only: no script, no image, no frame. */
const contentSecurityPolicy =
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** For people who open the address of the server in a browser. */
export const getRootPage = streamEndpoint({
  method: 'GET',
  path: '/',
  auth: 'none',
  summary: 'Says in a browser what answers here, and where to sign in.',
  spec: 'docs/operations.md#health',
  async handle({ config }) {
    return {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': contentSecurityPolicy,
        'cache-control': 'no-cache',
        'referrer-policy': 'no-referrer',
        'x-content-type-options': 'nosniff',
        'x-frame-options': 'DENY',
      },
      body: page(config),
    }
  },
})

function page(config: Config): string {
  const { version } = about()
  const name = escaped(config.server_name)
  const url = escaped(publicBaseUrl(config))
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Myelin at ${name}</title>
<style>${style}</style>
</head>
<body>
<h1>${name}</h1>
<p>This is Myelin ${escaped(version)}, a <a href="https://matrix.org">Matrix</a> homeserver. It works.</p>
<h2>Sign in</h2>
<p>Open a <a href="https://matrix.org/ecosystem/clients/">Matrix client</a>, such as
<a href="https://app.element.io">Element</a>, choose to sign in on another homeserver, and enter <code>${url}</code>.</p>
<h2>Read on</h2>
<ul>
<li><a href="https://matrix.org/docs/">What Matrix is</a> and <a href="https://spec.matrix.org/">its specification</a></li>
<li><a href="/_matrix/client/versions">Versions of the specification that this server speaks</a></li>
<li>For its operator: <code>README.md</code> and the folder <code>docs</code> of the installation</li>
</ul>
</body>
</html>
`
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escaped = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
