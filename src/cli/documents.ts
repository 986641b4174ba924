import type { Command } from './command.ts'

export const openapi: Command = {
  summary: 'Print the OpenAPI document of every endpoint',
  usage: '',
  async run(_, terminal) {
    const { openApiDocument } = await import('#api/openapi.ts')
    const { allEndpoints } = await import('#api/index.ts')
    terminal.print(`${JSON.stringify(openApiDocument(allEndpoints()), null, 2)}\n`)
    return 0
  },
}
export const routes: Command = {
  summary: 'Print the path, access and rate limit of every endpoint',
  usage: '',
  async run(_, terminal) {
    const { routeLines } = await import('#api/routes.ts')
    const { allEndpoints } = await import('#api/index.ts')
    terminal.print(`${routeLines(allEndpoints()).join('\n')}\n`)
    return 0
  },
}
